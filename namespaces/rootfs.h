// Paths inside a rootfs that nobody has entered yet. The image and other containers decide what lies there,
// so every walk is by openat2(2) below the root's descriptor: no symlink, "..", magic link or race leads out
// (CVE-2021-30465, CVE-2024-45310, CVE-2025-31133 and their relatives).
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace namespaces {

enum class TargetType { kDirectory, kFile };
enum class Symlinks {
  kInRoot,  // followed, with "/" and ".." meaning the rootfs
  kRefuse,  // any symlink on the way is an error (ELOOP): for /proc, /sys, /dev and masks
};

// An O_PATH descriptor of `path` inside the rootfs. Errors: kSystem (ENOENT, ELOOP, ...).
Result<Fd> open_in_root(int root_fd, std::string_view path, Symlinks symlinks);

// The same, but what is missing is made: directories 0755, a last component that is a file empty and 0644
// (O_EXCL). kInvalid when it exists with the other type; the text says which, and either way "not a
// directory", which dockerd answers with a hint.
Result<Fd> open_target(int root_fd, std::string_view path, TargetType type, Symlinks symlinks);

// The directory that holds `path`, made when missing, and the last component's name.
struct Parent {
  Fd directory;
  std::string name;
};
Result<Parent> open_parent(int root_fd, std::string_view path, Symlinks symlinks);

// The word for `path` in a script of --as-shell, whose ROOT is the rootfs.
std::string shell_in_root(const std::string& path);

// "/a//b/./c/.." -> "/a/b"; never leaves "/". Lexical: for comparing destinations, not for walking.
std::string clean_path(std::string_view path);
// True if `path` is `base` or below it, both clean.
bool is_below(std::string_view path, std::string_view base);

}  // namespace namespaces
