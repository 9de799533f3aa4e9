// The ways to a registry, and what is said when there is none: proxies, certificates of clients, identity
// tokens, what can't be found.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"

namespace {

std::string copy_of(const std::string& path) {
  return read_file(path).value();
}

std::string port_of(const std::string& host) {
  return host.substr(host.find(':') + 1);
}

}  // namespace

TEST_CASE("https goes through a proxy, which sees no secret of the registry; no_proxy keeps it out") {
  const RegistryTest test;
  // A name that only the proxy knows.
  const TestCertificates certificates = make_certificates(test.directory(), "DNS:registry.test");
  const BadRegistry registry(test.directory(), {"--tls", certificates.certificate, certificates.key});
  const TestProxy proxy(test.directory());
  const std::string host = "registry.test:" + port_of(registry.host());
  test.trust(host, certificates);
  const Variable way("HTTPS_PROXY", "http://me:p%40ss@" + proxy.host());
  test.done({"login", "-u", "me", "-p", "secret", host});

  test.done({"pull", "-q", host + "/token/private/ok"});
  CHECK(test.done({"images", "--format", "{{.Repository}}"}) == host + "/token/private/ok\n");
  const auto asked = proxy.requests();
  REQUIRE_FALSE(asked.empty());
  for (const auto& request : asked) {
    CHECK(request["line"] == "CONNECT " + host + " HTTP/1.1");
    CHECK(request["headers"]["proxy-authorization"] == "Basic bWU6cEBzcw==");
    CHECK_FALSE(request["headers"].contains("authorization"));
  }
  for (const auto& request : registry.requests())
    CHECK_FALSE(request["headers"].contains("Proxy-Authorization"));

  // Without it nobody knows the name (and in a network of its own nobody is asked, either).
  const Variable exception("NO_PROXY", "elsewhere.test, registry.test");
  Words line = test.command_line({"pull", "-q", host + "/x/ok"});
  line.insert(line.begin(), {"unshare", "--net"});
  const auto lost = run_command(line);
  REQUIRE(lost);
  CHECK(lost->status.shell_code() == 1);
  CHECK(contains(lost->err, "vial: registry " + host + ": no such host\n"));
  CHECK(proxy.requests().size() == asked.size());
}

TEST_CASE("with TLS it is HTTP/2 where the registry speaks it, without HTTP/1.1") {
  const RegistryTest test;
  const TestCertificates certificates = make_certificates(test.directory());
  for (const bool with_tls : {true, false}) {
    INFO(with_tls);
    DockerRegistry::Options options;
    if (with_tls) options.tls = certificates;
    const DockerRegistry registry(test.directory(), options);
    if (with_tls) test.trust(registry.host(), certificates);
    const std::string name = registry.host() + "/x/busybox";
    test.load_as("busybox", name);
    test.done({"push", name});
    test.done({"rmi", "-f", "busybox", name});
    test.done({"pull", "-q", name});
    const auto requests = registry.access_log();
    for (const char* what : {"HEAD /v2/", "POST /v2/", "PATCH /v2/", "PUT /v2/", "GET /v2/"}) {
      INFO(what);
      CHECK(std::any_of(requests.begin(), requests.end(),
                        [&](const auto& line) { return contains(line, "\"" + std::string(what)); }));
    }
    for (const auto& request : requests)
      CHECK_THAT(request, Catch::Contains(with_tls ? " HTTP/2.0\"" : " HTTP/1.1\""));
  }
}

TEST_CASE("a proxy that refuses, and one that is not there") {
  const RegistryTest test;
  const TestProxy proxy(test.directory(), {"--refuse"});
  {
    const Variable way("HTTPS_PROXY", "http://" + proxy.host());
    const std::string error = test.refused({"pull", "-q", "registry.test/x/ok"});
    INFO(error);
    CHECK(contains(error, "registry registry.test: "));
    CHECK(contains(error, "403"));
  }
  const Variable way("HTTPS_PROXY", "http://127.0.0.1:1");
  const std::string error = test.refused({"pull", "-q", "registry.test/x/ok"});
  INFO(error);
  CHECK(contains(error, "127.0.0.1 port 1"));
}

TEST_CASE("a registry that wants a certificate of its clients gets it from certs.d") {
  const RegistryTest test;
  const TestCertificates server = make_certificates(test.directory());
  const TestCertificates clients = make_certificates(test.directory(), "DNS:client.test");
  const BadRegistry registry(test.directory(),
                             {"--tls", server.certificate, server.key, "--clients", clients.authority});
  test.trust(registry.host(), server);
  const std::string directory = test.directory() + "/certs/" + registry.host();
  const std::string without = test.refused({"pull", "-q", registry.host() + "/x/ok"});
  INFO(without);
  CHECK(contains(without, "/etc/vial/certs.d/" + registry.host() + "/client.cert"));

  // Not one of another authority.
  REQUIRE(create_file(directory + "/client.cert", copy_of(server.certificate)));
  REQUIRE(create_file(directory + "/client.key", copy_of(server.key)));
  test.refused({"pull", "-q", registry.host() + "/x/ok"});
  test.check_empty();

  REQUIRE(replace_file(directory + "/client.cert", copy_of(clients.certificate)));
  REQUIRE(replace_file(directory + "/client.key", copy_of(clients.key)));
  test.done({"pull", "-q", registry.host() + "/x/ok"});
  // A key that is not the certificate's is said before anybody is asked.
  REQUIRE(replace_file(directory + "/client.key", copy_of(server.key)));
  const std::string mixed = test.refused({"pull", "-q", registry.host() + "/y/ok"});
  INFO(mixed);
  CHECK(contains(mixed, "client.key"));
}

TEST_CASE("an identity token gets bearer tokens, and is told to nobody but the token server") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string name = registry.host() + "/token/private/ok";
  const auto know = [&](const std::string& token) {
    const Json entry = {{"auth", "PHRva2VuPjo="}, {"identitytoken", token}};  // "<token>:"
    REQUIRE(make_directories(test.directory() + "/docker"));
    REQUIRE(replace_file(test.credentials_file(), dump_json({{"auths", {{registry.host(), entry}}}})));
  };
  know("wrong one");
  const std::string refused = test.refused({"pull", "-q", name});
  INFO(refused);
  CHECK(contains(refused, "unknown identity"));
  CHECK_FALSE(contains(refused, "wrong one"));
  know("identity/of+me");
  test.done({"pull", "-q", name});
  size_t grants = 0;
  for (const auto& request : registry.requests()) {
    if (!request.contains("form")) {
      CHECK_FALSE(contains(dump_json(request), "identity"));
      continue;
    }
    ++grants;
    CHECK(request["path"] == "/token");
    CHECK(request["form"]["scope"] == "repository:token/private/ok:pull");
  }
  CHECK(grants == 2);
}

TEST_CASE("what can't be found or had, and a registry that is not there, in Docker's words") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string denied = registry.host() + "/token/none/ok";
  const std::string help = "\nRun 'vial run --help' for more information\n";
  const std::string reason = "vial: pull access denied for " + denied +
                             ", repository does not exist or may require 'vial login': denied: requested "
                             "access to the resource is denied\n";
  CHECK(test.refused({"pull", denied}) == reason);
  CHECK(contains(test.refused({"pull", registry.host() + "/token/mute/ok"}),
                 "requested access to the resource"));
  const Outcome run = test.run({"run", "--rm", denied});
  CHECK(run.code == 125);
  CHECK(run.out.empty());
  CHECK(run.err == "Unable to find image '" + denied + ":latest' locally\n" + reason + help);
  const std::string unknown = registry.host() + "/x/unknown";
  CHECK(test.refused({"pull", unknown}) == "vial: repository " + unknown +
                                               " not found: name unknown: repository name not known to "
                                               "registry\n");
  // In a network of its own no name server answers.
  Words line = test.command_line({"run", "--rm", "no.such.test/x"});
  line.insert(line.begin(), {"unshare", "--net"});
  const auto lost = run_command(line);
  REQUIRE(lost);
  CHECK(lost->status.shell_code() == 125);
  CHECK(lost->err ==
        "Unable to find image 'no.such.test/x:latest' locally\n"
        "vial: registry no.such.test: no such host\ncheck the name, and that this machine has a "
        "network and a name server (or HTTPS_PROXY)\n" +
            help);
}
