#include "tests/integration/test_image.h"

#include <catch2/catch.hpp>

#include "base/file.h"

namespace {

constexpr const char* kTag = "test:latest";

std::vector<TarEntry> shell_layer() {
  const auto busybox = read_file("/bin/busybox");
  REQUIRE(busybox);
  std::vector<TarEntry> entries = {directory("bin"), directory("etc"), directory("tmp", 01777),
                                   file("bin/busybox", *busybox, 0755)};
  for (const char* applet : {"sh", "cat", "echo", "id", "ls", "pwd", "readlink", "true"})
    entries.push_back(symlink_to(std::string("bin/") + applet, "busybox"));
  return entries;
}

}  // namespace

LoadedImage::LoadedImage(const Vial& vial, const Json& config, std::vector<std::vector<TarEntry>> layers,
                         bool with_shell)
    : vial_(vial) {
  if (with_shell) layers.insert(layers.begin(), shell_layer());
  TestImage image;
  Json diff_ids = Json::array();
  for (const auto& entries : layers) {
    image.layers.push_back(tar_of(entries));
    diff_ids.push_back(sha256(image.layers.back()));
  }
  image.config = dump_json({{"architecture", "amd64"},
                            {"os", "linux"},
                            {"config", config},
                            {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}});
  image.tag = kTag;
  load_ = vial.run({"load"}, tar_of(docker_archive(image)));
}

LoadedImage::~LoadedImage() {
  if (load_.code != 0) return;
  const Outcome removed = vial_.run({"rmi", kTag});
  INFO(removed.err);
  CHECK(removed.code == 0);
}

Outcome LoadedImage::run(const Words& options, const Words& words) const {
  INFO(load_.err);
  REQUIRE(load_.code == 0);
  Words line = {"run", "--rm"};
  line.insert(line.end(), options.begin(), options.end());
  line.emplace_back(kTag);
  line.insert(line.end(), words.begin(), words.end());
  return vial_.run(line);
}
