// Who may: passwords, tokens, certificates; login, logout and where secrets are kept.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"

TEST_CASE("a registry with TLS by an authority of one's own, and passwords") {
  const RegistryTest test;
  const TestCertificates certificates = make_certificates(test.directory());
  const DockerRegistry registry(test.directory(), {certificates, "me:secret"});
  const std::string name = registry.host() + "/private/hello:1";
  test.load_as("hello", name);

  CHECK(contains(test.refused({"push", name}), "/etc/vial/certs.d/" + registry.host() + "/ca.crt"));
  test.trust(registry.host(), certificates);
  CHECK(contains(test.refused({"push", name}), "no basic auth credentials"));
  CHECK(contains(test.refused({"login", "-u", "me", "--password-stdin", registry.host()}, "wrong\n"),
                 "unauthorized"));
  CHECK_FALSE(path_exists(test.credentials_file()));
  CHECK(
      contains(test.refused({"login", "--password-stdin", registry.host()}, "x"), "Must provide --username"));
  CHECK(contains(test.refused({"login", "-u", "me", registry.host()}, "x"), "non TTY"));

  const Outcome login = test.run({"login", "-u", "me", "--password-stdin", registry.host()}, "secret\n");
  INFO(login.err);
  CHECK(login.code == 0);
  CHECK(login.out == "Login Succeeded\n");
  CHECK(
      contains(login.err, "WARNING! Your credentials are stored unencrypted in '" + test.credentials_file()));
  struct stat status = {};
  REQUIRE(::stat(test.credentials_file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);

  CHECK(contains(test.done({"push", name}), "1: digest: sha256:"));
  test.done({"rmi", "-f", "hello", name});
  CHECK(contains(test.done({"pull", name}), "Status: Downloaded newer image"));
  CHECK(contains(test.done({"search", registry.host() + "/hel"}), registry.host() + "/private/hello"));

  CHECK(test.done({"logout", registry.host()}) == "Removing login credentials for " + registry.host() + "\n");
  CHECK(test.done({"logout", registry.host()}) == "Not logged in to " + registry.host() + "\n");
  CHECK(contains(test.refused({"pull", name}), "no basic auth credentials"));
}

TEST_CASE("certificates that do not fit are refused, for pull, push, login and search") {
  const RegistryTest test;
  const TestCertificates wrong = make_certificates(test.directory(), "DNS:elsewhere.test");
  const DockerRegistry registry(test.directory(), {wrong, ""});
  test.trust(registry.host(), wrong);
  const std::string name = registry.host() + "/x/hello";
  test.load_as("hello", name);
  const std::vector<Words> commands = {{"pull", name},
                                       {"push", name},
                                       {"login", "-u", "me", "-p", "x", registry.host()},
                                       {"search", registry.host() + "/x"},
                                       {"manifest", "inspect", name}};
  for (const auto& command : commands) {
    const std::string error = test.refused(command);
    INFO(error);
    CHECK(contains(error, "SSL"));
  }
  // Only who says so in the settings does without.
  test.set({{"insecure", {registry.host()}}});
  test.done({"push", name});
}

TEST_CASE("tokens: anonymous, with a password, for each repository anew") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  test.done({"pull", "-q", registry.host() + "/token/ok"});
  const std::string denied = test.refused({"pull", "-q", registry.host() + "/token/private/ok"});
  INFO(denied);
  CHECK(contains(denied, "pull access denied for " + registry.host() +
                             "/token/private/ok, repository does not exist or may require 'vial login'"));
  // This server asks nobody at /v2/, so that login can't tell.
  test.done({"login", "-u", "me", "-p", "secret", registry.host()});
  test.done({"pull", "-q", registry.host() + "/token/private/ok"});
  bool seen = false;
  for (const auto& request : registry.requests()) {
    if (!request["path"].get<std::string>().starts_with("/token?")) continue;
    seen = seen || request["headers"].contains("Authorization");
    CHECK(contains(request["path"].get<std::string>(), "service=test%2C%20with%20comma&"));
  }
  CHECK(seen);
  test.done({"login", "-u", "me", "-p", "wrong", registry.host()});
  CHECK(contains(test.refused({"pull", "-q", registry.host() + "/token/private/ok"}), "wrong password"));
  CHECK(contains(test.refused({"pull", "-q", registry.host() + "/basic/ok"}),
                 "incorrect username or password"));
}

TEST_CASE("tags come page by page") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string all = test.done({"pull", "-a", registry.host() + "/x/ok"});
  CHECK(contains(all, "one: Pulling from x/ok\n"));
  CHECK(contains(all, "two: Pulling from x/ok\n"));
}

TEST_CASE("mirrors are asked first, and never told who the user is") {
  const RegistryTest test;
  const BadRegistry mirror(test.directory());
  const BadRegistry broken(test.directory());
  test.done({"login", "-u", "me", "-p", "secret", broken.host()});
  REQUIRE(create_file(test.directory() + "/unused", ""));
  test.set({{"mirrors", {{broken.host(), {"http://" + mirror.host()}}}}});
  test.done({"pull", "-q", broken.host() + "/x/ok"});
  CHECK(test.done({"images", "--format", "{{.Repository}}"}) == broken.host() + "/x/ok\n");
  CHECK_FALSE(mirror.requests().empty());
  for (const auto& request : mirror.requests())
    CHECK_FALSE(request["headers"].contains("Authorization"));
  const size_t asked = broken.requests().size();
  test.done({"rmi", "-f", broken.host() + "/x/ok"});
  // A mirror that is not there is passed over.
  test.set({{"mirrors", {{broken.host(), {"http://127.0.0.1:1"}}}}});
  test.done({"pull", "-q", broken.host() + "/x/ok"});
  CHECK(broken.requests().size() > asked);
}

TEST_CASE("search: Docker Hub's form, filters, width, limits") {
  const RegistryTest test;
  const BadRegistry hub(test.directory());
  test.set({{"search", "http://" + hub.host()}});
  const std::string table = test.done({"search", "nginx"});
  INFO(table);
  CHECK(table.starts_with("NAME"));
  CHECK(contains(table, "Official build of Nginx. Second line"));
  CHECK(contains(table, "20000"));
  CHECK(contains(table, "[OK]"));
  CHECK_FALSE(contains(table, "\x1b"));
  CHECK(contains(table, "xxx…"));
  CHECK(contains(test.done({"search", "--no-trunc", "nginx"}), std::string(80, 'x')));
  const Words names = {"search", "--format", "{{.Name}}"};
  const auto with = [&](Words more) {
    more.insert(more.begin(), names.begin(), names.end());
    return test.done(more);
  };
  CHECK(with({"--filter", "stars=100", "nginx"}) == "nginx\n");
  CHECK(with({"--filter", "is-official=true", "nginx"}) == "nginx\n");
  CHECK(with({"--filter", "is-official=false", "--filter", "stars=0", "other"}) == "other/nginx\n");
  CHECK(with({"--limit", "1", "nginx"}) == "nginx\n");
  CHECK(contains(test.refused({"search", "--limit", "101", "x"}), "outside the range of [1, 100]"));
  CHECK(contains(test.refused({"search", "--filter", "x=y", "x"}), "invalid filter 'x'"));
  CHECK(contains(test.refused({"search", "https://lan/x"}), "should not have a scheme"));
}
