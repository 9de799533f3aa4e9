#include "tests/unit/archive/scratch.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "image/archive/layer_finish.h"

namespace {

std::string tree_state(const std::string& path) {
  const struct stat status = stat_of(path);
  std::string state = path + " " + std::to_string(status.st_mode) + " " + std::to_string(status.st_uid) +
                      " " + std::to_string(status.st_mtim.tv_sec) + "." +
                      std::to_string(status.st_mtim.tv_nsec) + " " + std::to_string(status.st_nlink) + "\n";
  if (S_ISREG(status.st_mode)) state += content_of(path) + "\n";
  if (S_ISDIR(status.st_mode)) {
    const auto names = list_directory(path);
    for (const auto& name : *names)
      state += tree_state(path + "/" + name);
  }
  return state;
}

}  // namespace

Scratch::Scratch() {
  std::array<char, 32> name = {"/tmp/vial-test-XXXXXX"};
  path_ = ::mkdtemp(name.data());
  REQUIRE(::mkdir(canary().c_str(), 0755) == 0);
  write_test_file(canary() + "/secret", "untouched");
  REQUIRE(::mkdir((canary() + "/dir").c_str(), 0700) == 0);
  write_test_file(canary() + "/dir/file", "untouched");
}

Scratch::~Scratch() {
  CHECK(remove_tree(path_));
}

std::string Scratch::canary_state() const {
  return tree_state(canary());
}

Result<image::UnpackedLayer> Scratch::unpack(const std::string& tar, const image::Limits& limits) {
  const std::string base = path_ + "/layer" + std::to_string(layers_.size());
  const std::vector<std::string> lower = layers_;
  layers_.push_back(base + "/fs");
  write_test_file(base + ".tar", tar);
  REQUIRE(make_directories(layers_.back(), 0755));
  REQUIRE(make_directories(path_ + "/empty", 0755));
  const Fd blob = Fd(::open((base + ".tar").c_str(), O_RDONLY | O_CLOEXEC));
  image::LayerRequest request;
  request.input = {blob.get(), 0, tar.size()};
  request.directory = layers_.back();
  request.empty_directory = path_ + "/empty";
  request.limits = limits;
  auto unpacked = image::unpack_layer(request);
  // One child instead of two must say the same.
  request.directory = base + "-fused/fs";
  request.fused = true;
  REQUIRE(make_directories(request.directory, 0755));
  const auto fused = image::unpack_layer(request);
  CHECK(fused.has_value() == unpacked.has_value());
  if (fused && unpacked) CHECK(fused->diff_id == unpacked->diff_id);
  if (!fused && !unpacked) CHECK(fused.error().text() == unpacked.error().text());
  if (unpacked) REQUIRE(image::finish_layer(layers_.back(), lower, unpacked->answer));
  return unpacked;
}

struct stat stat_of(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) < 0) return {};
  return status;
}

std::string content_of(const std::string& path) {
  const auto content = read_file(path);
  return content ? *content : "<" + content.error().text() + ">";
}

std::string link_of(const std::string& path) {
  const auto target = sys::readlinkat(AT_FDCWD, path.c_str());
  return target ? *target : "<" + target.error().text() + ">";
}

std::string xattr_of(const std::string& path, const char* name) {
  std::array<char, 256> value = {};
  const ssize_t size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
  return size < 0 ? "<none>" : std::string(value.data(), static_cast<size_t>(size));
}

bool is_whiteout(const std::string& path) {
  const struct stat status = stat_of(path);
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

bool is_opaque(const std::string& path) {
  return xattr_of(path, "trusted.overlay.opaque") == "y";
}

void write_test_file(const std::string& path, const std::string& content) {
  REQUIRE(replace_file(path, content, 0644));
}

image::Store store_in(const Scratch& scratch, const std::string& name) {
  return image::Store(scratch.path() + "/" + name);
}

std::string gzipped(const std::string& bytes, const char* level) {
  return run_command({"gzip", "-nc", level}, bytes)->out;
}

bool works(const std::vector<std::string>& command) {
  const auto output = run_command(command);
  if (output && output->status.shell_code() == 0) return true;
  if (output) WARN(command[0] + ": " + output->err);
  return false;
}
