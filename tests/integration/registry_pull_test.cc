// pull, push and run --pull against Debian's docker-registry, with skopeo as the peer.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"

namespace {

// The digest that the registry has under a name, as skopeo sees it.
std::string digest_in(const DockerRegistry& registry, const std::string& name) {
  const std::string text = run_tool({"skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}",
                                     "docker://" + registry.host() + "/" + name});
  return std::string(trim(text));
}

}  // namespace

TEST_CASE("an image that skopeo pushed is pulled, listed with its digest, and runs") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  registry.put("busybox", "team/busybox:1");
  const std::string name = registry.host() + "/team/busybox:1";
  const std::string digest = digest_in(registry, "team/busybox:1");

  const std::string first = test.done({"pull", name});
  INFO(first);
  CHECK(first.starts_with("1: Pulling from team/busybox\n"));
  CHECK(contains(first, ": Pulling fs layer\n"));
  CHECK(contains(first, ": Download complete\n"));
  CHECK(contains(first, ": Pull complete\n"));
  CHECK(first.ends_with("Digest: " + digest + "\nStatus: Downloaded newer image for " + name + "\n" + name +
                        "\n"));

  const std::string second = test.done({"image", "pull", name});
  CHECK(contains(second, ": Already exists\n"));
  CHECK(contains(second, "Status: Image is up to date for " + name + "\n"));
  CHECK(test.done({"pull", "-q", name}) == name + "\n");

  CHECK(test.done({"images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"}) ==
        registry.host() + "/team/busybox 1 " + digest + "\n");
  CHECK(test.done({"run", "--rm", name, "echo", "from a registry"}) == "from a registry\n");
  CHECK(list_directory(test.root() + "/ingest").value_or({}).empty());
}

TEST_CASE("by digest, and all tags") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  registry.put("hello", "x/hello:a");
  registry.put("busybox", "x/hello:b");
  const std::string repository = registry.host() + "/x/hello";
  const std::string by_digest = repository + "@" + digest_in(registry, "x/hello:a");
  const std::string pulled = test.done({"pull", by_digest});
  CHECK(pulled.starts_with(by_digest + ": Pulling from x/hello\n"));
  CHECK(contains(pulled, "Status: Downloaded newer image for " + by_digest));
  CHECK(test.done({"run", "--rm", by_digest}).size() > 10);
  CHECK(test.done({"image", "inspect", "--format", "{{.RepoTags}} {{.RepoDigests}}", by_digest}) ==
        "[] [" + by_digest + "]\n");

  const std::string all = test.done({"pull", "-a", repository});
  CHECK(contains(all, "a: Pulling from x/hello\n"));
  CHECK(contains(all, "b: Pulling from x/hello\n"));
  CHECK(all.ends_with("Status: Downloaded newer image for " + repository + "\n" + repository + "\n"));
  CHECK(test.done({"images", "-q", repository + ":b"}).size() > 10);
  CHECK(contains(test.refused({"pull", "-a", repository + ":a"}), "tag can't be used with --all-tags/-a"));
}

TEST_CASE("what is not there is said in Docker's words") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  CHECK(contains(test.refused({"pull", registry.host() + "/nope"}),
                 "manifest for " + registry.host() + "/nope:latest not found: manifest unknown"));
  CHECK(contains(test.refused({"pull", "-a", registry.host() + "/nope"}), "name unknown"));
  CHECK(contains(test.refused({"push", registry.host() + "/nope:1"}),
                 "An image does not exist locally with the tag: " + registry.host() + "/nope"));
  CHECK(contains(test.refused({"pull", "127.0.0.1:1/x"}), "registry 127.0.0.1:1: "));
  CHECK(contains(test.refused({"pull", "x/Upper"}), "must be lowercase"));
  test.check_empty();
}

TEST_CASE("push: the same digests, nothing twice, from other repositories of the registry") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  registry.put("busybox", "team/busybox:1");
  const std::string digest = digest_in(registry, "team/busybox:1");
  test.done({"pull", registry.host() + "/team/busybox:1"});
  const std::string target = registry.host() + "/other/box:2";
  test.done({"tag", registry.host() + "/team/busybox:1", target});

  const std::string first = test.done({"push", target});
  CHECK(first.starts_with("The push refers to repository [" + registry.host() + "/other/box]\n"));
  CHECK(contains(first, ": Preparing\n"));
  CHECK(contains(first, ": Mounted from team/busybox\n"));
  CHECK(contains(first, "2: digest: " + digest + " size: "));
  CHECK(contains(test.done({"push", target}), ": Layer already exists\n"));
  CHECK(test.done({"push", "-q", target}) == target + "\n");
  CHECK(digest_in(registry, "other/box:2") == digest);
  const std::string by_digest = registry.host() + "/other/box@" + digest;
  CHECK(contains(test.done({"image", "inspect", "--format", "{{.RepoDigests}}", target}), by_digest));
}

TEST_CASE("push: an image that was loaded is one for others, and comes back as it was") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  const std::string name = registry.host() + "/loaded/busybox";
  test.load_as("busybox", name + ":1");
  test.done({"tag", "busybox", name + ":2"});
  const std::string id = test.done({"images", "-q", "--no-trunc", name + ":1"});
  const std::string pushed = test.done({"push", "-a", name});
  CHECK(contains(pushed, ": Pushed\n"));
  CHECK(contains(pushed, "1: digest: sha256:"));
  CHECK(contains(pushed, "2: digest: sha256:"));
  const std::string digest = digest_in(registry, "loaded/busybox:1");
  CHECK(contains(pushed, "1: digest: " + digest));

  const std::string copy = test.directory() + "/copy";
  run_tool({"skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false",
            "docker://" + name + "@" + digest, "oci:" + copy + ":x"});
  test.done({"rmi", "-f", "busybox", name + ":1", name + ":2"});
  test.done({"pull", name + "@" + digest});
  CHECK(test.done({"images", "-q", "--no-trunc"}) == id);
  CHECK(test.done({"run", "--rm", name + "@" + digest, "echo", "back"}) == "back\n");
}

TEST_CASE("a layer that is here under other layers is not fetched again, unless it is damaged") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());  // the upper layer of all its images is the same
  test.done({"pull", "-q", registry.host() + "/one/ok"});
  const Json manifest = Json::parse(test.done({"manifest", "inspect", registry.host() + "/one/ok"}));
  const auto upper = manifest["layers"][1]["digest"].get<std::string>();
  const auto fetched = [&] {
    const auto requests = registry.requests();
    return std::count_if(requests.begin(), requests.end(), [&](const Json& request) {
      return request["path"].get<std::string>().ends_with("/blobs/" + upper);
    });
  };
  REQUIRE(fetched() == 1);
  const std::string stored = test.root() + "/blobs/sha256/" + upper.substr(upper.find(':') + 1);
  const std::string bytes = read_file(stored, 64U << 20U).value();

  test.done({"pull", "-q", registry.host() + "/two/ok"});
  CHECK(fetched() == 1);
  CHECK(test.done({"images", "-q"}).size() == size_t{2} * 13);
  CHECK(list_directory(test.root() + "/layers").value().size() == 4);
  CHECK(read_file(stored, 64U << 20U).value() == bytes);

  std::string damaged = bytes;
  damaged[bytes.size() / 2] ^= 1;
  int wanted = 1;
  for (const std::string& wrong : {damaged, bytes.substr(0, 1000)}) {
    REQUIRE(replace_file(stored, wrong));
    test.done({"pull", "-q", registry.host() + "/" + std::to_string(wrong.size()) + "/ok"});
    CHECK(fetched() == ++wanted);
    CHECK(read_file(stored, 64U << 20U).value() == bytes);
  }
  CHECK(list_directory(test.root() + "/staging").value().empty());
  CHECK(contains(test.done({"system", "check", "--deep"}), "all is well"));
}

TEST_CASE("run and create pull what is missing") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  registry.put("busybox", "busybox:latest");
  const std::string name = registry.host() + "/busybox";

  const Outcome never = test.run({"run", "--pull", "never", "--rm", name, "true"});
  CHECK(never.code == 125);
  CHECK(contains(never.err, "No such image: " + name + ":latest\n"));
  test.check_empty();

  const Outcome missing = test.run({"run", "--rm", name, "echo", "hi"});
  CHECK(missing.code == 0);
  CHECK(missing.out == "hi\n");
  CHECK(missing.err.starts_with("Unable to find image '" + name + ":latest' locally\n" +
                                "latest: Pulling from busybox\n"));
  CHECK(missing.err.ends_with("Status: Downloaded newer image for " + name + ":latest\n"));

  const Outcome there = test.run({"run", "--rm", name, "echo", "hi"});
  CHECK(there.err.empty());
  const Outcome always = test.run({"run", "--pull", "always", "--rm", name, "echo", "hi"});
  CHECK(always.out == "hi\n");
  CHECK(contains(always.err, "Status: Image is up to date for " + name + ":latest"));
  CHECK(test.run({"run", "--pull", "always", "-q", "--rm", name, "echo", "hi"}).err.empty());

  test.done({"rmi", name});
  const Outcome created = test.run({"create", name, "true"});
  CHECK(created.code == 0);
  CHECK(contains(created.err, "Status: Downloaded newer image"));
  test.done({"rm", std::string(trim(created.out))});

  const Outcome unknown = test.run({"run", "--rm", registry.host() + "/nope", "true"});
  CHECK(unknown.code == 125);
  CHECK(contains(unknown.err, "manifest unknown"));
}

TEST_CASE("on a terminal each layer has a line, at the end complete") {
  const RegistryTest test;
  const DockerRegistry registry(test.directory());
  registry.put("busybox", "busybox:latest");
  TerminalProgram pull(test.command_line({"pull", registry.host() + "/busybox"}), 30, 100);
  CHECK(pull.shows("Pull complete"));
  CHECK(pull.shows("Status: Downloaded newer image"));
  CHECK(pull.wait() == 0);
  CHECK(contains(pull.output(), "\x1b["));
}
