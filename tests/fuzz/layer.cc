// Layer tars, unpacked for real into a small file system of the process's own. Beyond crashes: nothing beside
// the layer's directory changes, nothing in it has an attribute that overlayfs would obey, and how the bytes
// are cut into pieces makes no difference to whether they are accepted.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/syscalls.h"
#include "image/archive/unpack.h"

namespace {

constexpr const char* kCanary = "not to be touched";
std::string g_directory;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

// Once a process: a tmpfs that nobody else sees and that goes with it.
void prepare() {
  if (!g_directory.empty()) return;
  char name[] = "/tmp/vial-fuzz-XXXXXX";
  if (::mkdtemp(name) == nullptr || ::unshare(CLONE_NEWNS) < 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
      ::mount("tmpfs", name, "tmpfs", MS_NODEV | MS_NOSUID, "size=32m,nr_inodes=20000,mode=700") < 0) {
    fail("needs root");
  }
  g_directory = name;
  if (!create_file(g_directory + "/canary", kCanary)) fail("no canary");
  std::atexit([] {
    ::umount2(g_directory.c_str(), MNT_DETACH);
    ::rmdir(g_directory.c_str());
  });
}

void check_surroundings() {
  const auto names = list_directory(g_directory);
  if (!names || *names != std::vector<std::string>{"canary", "fs"}) fail("something is beside the layer");
  struct stat status = {};
  const auto content = read_file(g_directory + "/canary");
  if (!content || *content != kCanary || ::lstat((g_directory + "/canary").c_str(), &status) < 0 ||
      status.st_mode != (S_IFREG | 0600) || status.st_nlink != 1) {
    fail("the canary changed");
  }
}

void check_attributes(const std::string& directory, int depth) {
  constexpr int kDeep = 20;  // deeper ones are made by the same code
  const auto names = list_directory(directory);
  if (!names || depth > kDeep) return;
  for (const auto& name : *names) {
    const std::string path = directory + "/" + name;
    for (const char* attribute :
         {"trusted.overlay.opaque", "trusted.overlay.redirect", "user.overlay.opaque"}) {
      if (::lgetxattr(path.c_str(), attribute, nullptr, 0) >= 0) fail("an attribute of overlayfs");
    }
    struct stat status = {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) check_attributes(path, depth + 1);
  }
}

bool unpack(std::string_view bytes, size_t piece) {
  const std::string layer = g_directory + "/fs";
  if (!remove_tree(layer) || ::mkdir(layer.c_str(), 0755) < 0) fail("no directory");
  image::Limits limits;
  limits.max_bytes = 8U << 20U;
  limits.max_entries = 1000;
  auto root = sys::open(layer.c_str(), O_RDONLY | O_DIRECTORY);
  const image::TarSource source = [&]() -> Result<std::string_view> {
    const std::string_view next = bytes.substr(0, piece);
    bytes.remove_prefix(next.size());
    return next;
  };
  const bool accepted = image::unpack_tar(source, std::move(*root), limits).has_value();
  check_surroundings();
  check_attributes(layer, 0);
  return accepted;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  prepare();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool whole = unpack(bytes, bytes.size());
  if (unpack(bytes, 700) != whole) fail("the pieces made a difference");
  return 0;
}
