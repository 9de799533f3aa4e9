// push: several layers at a time, uploads that break, a bar on a terminal.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"
#include "tests/unit/archive/archives.h"

namespace {

constexpr size_t kLayerBytes = 3 << 20;

// Bytes that no compressor makes smaller.
std::string noise(unsigned seed, size_t size) {
  std::string text(size, '\0');
  uint64_t state = seed * 2654435761U + 1;
  for (auto& letter : text) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    letter = static_cast<char>(state >> 32U);
  }
  return text;
}

// Loads an image of `layers` layers, each of which takes more than one request to push.
void load_layers(const RegistryTest& test, const std::string& name, unsigned layers) {
  TestImage image;
  for (unsigned i = 0; i < layers; ++i)
    image.layers.push_back(tar_of({file("part" + std::to_string(i), noise(i, kLayerBytes))}));
  const std::string path = test.directory() + "/layers.tar";
  REQUIRE(create_file(path, tar_of(docker_archive(image))));
  test.done({"load", "-i", path});
  test.done({"tag", image.tag, name});
}

size_t count_of(const BadRegistry& registry, const std::string& method, const std::string& part) {
  size_t count = 0;
  for (const auto& request : registry.requests()) {
    if (request["method"] == method && contains(request["path"].get<std::string>(), part)) ++count;
  }
  return count;
}

// What is pushed is there again after a pull from the same place: the registry checks digests, and so do we.
void check_arrived(const RegistryTest& test, const std::string& name) {
  const std::string id = test.done({"images", "-q", "--no-trunc", name});
  test.done({"rmi", "-f", "test", "one", name});
  test.done({"pull", "-q", name});
  CHECK(test.done({"images", "-q", "--no-trunc", name}) == id);
}

}  // namespace

TEST_CASE("layers are pushed three at a time") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string name = registry.host() + "/upload/together";
  load_layers(test, name, 3);
  const std::string pushed = test.done({"push", name});
  INFO(pushed);
  CHECK(contains(pushed, ": Preparing\n"));
  CHECK_FALSE(contains(pushed, "Waiting"));
  CHECK_FALSE(contains(pushed, "Pushing"));
  CHECK(count_of(registry, "PATCH", "/upload/together/") == 3);
  check_arrived(test, name);
  // Here one at a time is what is wanted.
  const std::string alone = registry.host() + "/upload/alone";
  test.done({"tag", name, alone});
  CHECK(contains(test.refused({"push", alone}), "not two at a time"));
  test.set({{"uploads", 1}});
  test.done({"push", alone});
  check_arrived(test, alone);
}

TEST_CASE("an upload that breaks is taken up where it broke, or begun again") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  struct Case {
    const char* mode;
    size_t sessions;  // of the layer and of the configuration
  };
  load_layers(test, "one", 1);
  for (const auto& [mode, sessions] :
       {Case{"plain", 2}, {"break-once", 2}, {"lost-once", 3}, {"mixed-once", 3}}) {
    INFO(mode);
    const std::string name = registry.host() + "/upload/x/" + mode;
    test.done({"tag", "one", name});
    CHECK(contains(test.done({"push", name}), ": Pushed\n"));
    const std::string in_it = "/upload/x/" + std::string(mode) + "/";
    CHECK(count_of(registry, "POST", in_it) == sessions);
    CHECK(count_of(registry, "PATCH", in_it) == (std::string(mode) == "plain" ? 1 : mode[0] == 'm' ? 3 : 2));
    check_arrived(test, name);
    test.done({"tag", name, "one"});
  }
  // What never gets on is given up.
  const std::string name = registry.host() + "/upload/x/break";
  test.done({"tag", "one", name});
  CHECK(contains(test.refused({"push", name}), "registry " + registry.host()));
  CHECK(count_of(registry, "PATCH", "/upload/x/break/") == 3);
}

TEST_CASE("a repository that may not be read is no reason not to push") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  load_layers(test, registry.host() + "/upload/plain", 1);
  test.done({"push", registry.host() + "/upload/plain"});
  const std::string name = registry.host() + "/upload/no-mount";
  test.done({"tag", "test", name});
  CHECK(contains(test.done({"push", name}), ": Pushed\n"));
  CHECK(count_of(registry, "POST", "mount=") == 1);
}

TEST_CASE("a layer that is there twice is sent once") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  TestImage image;
  image.layers.assign(2, tar_of({file("same", noise(1, kLayerBytes))}));
  const std::string path = test.directory() + "/twice.tar";
  REQUIRE(create_file(path, tar_of(docker_archive(image))));
  test.done({"load", "-i", path});
  const std::string name = registry.host() + "/upload/plain";
  test.done({"tag", image.tag, name});
  const std::string pushed = test.done({"push", name});
  INFO(pushed);
  CHECK(contains(pushed, ": Pushed\n"));
  CHECK(contains(pushed, ": Layer already exists\n"));
  CHECK(count_of(registry, "PATCH", "/blobs/uploads/") == 1);
}

TEST_CASE("on a terminal a pushed layer has a bar, and more than three wait") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string name = registry.host() + "/upload/plain";
  load_layers(test, name, 4);
  TerminalProgram push(test.command_line({"push", name}), 30, 120);
  CHECK(push.shows("Waiting"));
  CHECK(push.shows("Pushing"));
  CHECK(push.shows("Pushed"));
  CHECK(push.shows("latest: digest: sha256:"));
  CHECK(push.wait() == 0);
}
