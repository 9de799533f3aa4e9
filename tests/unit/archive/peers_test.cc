// What skopeo and umoci write, and the sample images. Needs those tools.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "image/archive/load.h"
#include "tests/unit/archive/archives.h"
#include "tests/unit/archive/scratch.h"

namespace {

Result<std::vector<image::LoadedImage>> load_from(const Scratch& scratch, const std::string& input,
                                                  const std::string& store) {
  image::LoadRequest request;
  request.input = input;
  return image::load(image::Store(scratch.path() + "/" + store), request);
}

// tests/unit/archive/peers_test.cc -> the project's root
std::string project_root() {
  const std::string path = __FILE__;
  return path.substr(0, path.rfind("/tests/"));
}

}  // namespace

TEST_CASE("what skopeo writes loads", "[peers]") {
  const Scratch scratch;
  const TestImage image{.layers = {tar_of({file("etc/name", "one")}), tar_of({file("etc/name", "two")})}};
  write_test_file(scratch.path() + "/saved.tar", tar_of(docker_archive(image)));
  const std::string from = "docker-archive:" + scratch.path() + "/saved.tar";
  const std::vector<std::vector<std::string>> targets = {
      {"oci:" + scratch.path() + "/layout:test:latest", scratch.path() + "/layout"},
      {"oci-archive:" + scratch.path() + "/oci.tar:test:latest", scratch.path() + "/oci.tar"},
      {"docker-archive:" + scratch.path() + "/again.tar:test:latest", scratch.path() + "/again.tar"},
  };
  for (size_t i = 0; i < targets.size(); ++i) {
    INFO(targets[i][0]);
    REQUIRE(works({"skopeo", "copy", "--quiet", "--insecure-policy", from, targets[i][0]}));
    const std::string store = "store" + std::to_string(i);
    const auto loaded = load_from(scratch, targets[i][1], store);
    REQUIRE(loaded);
    CHECK(loaded->front().tags.front().familiar() == "test:latest");
    const image::Store opened(scratch.path() + "/" + store);
    const auto stored = opened.find("test");
    REQUIRE(stored);
    REQUIRE(stored->layers.size() == 2);
    CHECK(content_of(opened.layer_path(stored->layers[1].directory) + "/fs/etc/name") == "two");
  }
}

TEST_CASE("what umoci writes loads", "[peers]") {
  const Scratch scratch;
  const std::string layout = scratch.path() + "/layout";
  write_test_file(scratch.path() + "/layer.tar", tar_of({file("f", "by umoci")}));
  REQUIRE(works({"umoci", "init", "--layout", layout}));
  REQUIRE(works({"umoci", "new", "--image", layout + ":small"}));
  REQUIRE(works({"umoci", "raw", "add-layer", "--image", layout + ":small", scratch.path() + "/layer.tar"}));
  const auto loaded = load_from(scratch, layout, "store");
  REQUIRE(loaded);
  const image::Store store(scratch.path() + "/store");
  const auto stored = store.find(loaded->front().id.text());
  REQUIRE(stored);
  CHECK(content_of(store.layer_path(stored->layers.back().directory) + "/fs/f") == "by umoci");
}

TEST_CASE("the samples are the same bytes each time, and load", "[samples][slow]") {
  const Scratch scratch;
  for (const std::string& sample : {std::string("hello"), std::string("busybox")}) {
    INFO(sample);
    const std::string make = project_root() + "/rootfs-samples/make";
    REQUIRE(works({make, sample, scratch.path() + "/first.tar"}));
    REQUIRE(works({"touch", project_root() + "/rootfs-samples/hello/hello.cc"}));
    REQUIRE(works({make, sample, scratch.path() + "/second.tar"}));
    CHECK(sha256(content_of(scratch.path() + "/first.tar")) ==
          sha256(content_of(scratch.path() + "/second.tar")));
    const auto loaded = load_from(scratch, scratch.path() + "/first.tar", "store");
    REQUIRE(loaded);
    CHECK(loaded->front().tags.front().familiar() == sample + ":latest");
  }
  const image::Store store(scratch.path() + "/store");
  const auto hello = store.find("hello");
  REQUIRE(hello);
  const auto output = run_command({store.layer_path(hello->layers.front().directory) + "/fs/hello"});
  REQUIRE(output);
  CHECK(output->status.shell_code() == 0);
  CHECK_THAT(output->out, Catch::Contains("Hello from vial!"));
  const auto busybox = store.find("busybox");
  REQUIRE(busybox);
  CHECK(busybox->config.cmd == std::vector<std::string>{"sh"});
  CHECK(busybox->config.env.front().starts_with("PATH="));
  CHECK(link_of(store.layer_path(busybox->layers.front().directory) + "/fs/bin/sh") == "../bin/busybox");
}
