#include "namespaces/rootfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/strings.h"
#include "base/syscalls.h"

namespace namespaces {
namespace {

uint64_t resolve_flags(Symlinks symlinks) {
  const uint64_t flags = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return symlinks == Symlinks::kRefuse ? flags | RESOLVE_NO_SYMLINKS : flags;
}

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> result;
  for (auto& part : split(clean_path(path), '/')) {
    if (!part.empty()) result.push_back(std::move(part));
  }
  return result;
}

Result<Fd> open_directory(int root_fd, const std::vector<std::string>& parts, Symlinks symlinks);

// The directory `parts`, which is missing: made by mkdirat(2) in its parent as that was resolved, so that a
// rename under us can't make us create anything outside.
Result<Fd> make_directory(int root_fd, std::vector<std::string> parts, Symlinks symlinks) {
  constexpr mode_t kMode = 0755;
  const std::string whole = "./" + join(parts, "/");
  const std::string name = std::move(parts.back());
  parts.pop_back();
  const Fd parent = TRY(open_directory(root_fd, parts, symlinks));
  auto made = sys::mkdirat(parent.get(), name.c_str(), kMode);
  if (!made && made.error().error_number() != EEXIST) return std::move(made).error();
  return sys::openat2(root_fd, whole.c_str(), O_PATH | O_DIRECTORY, 0, resolve_flags(symlinks));
}

// The directory at `parts` below the root, with its parents made where they are missing. Looks from the end:
// most of a path is there, and each part of it costs a call.
Result<Fd> open_directory(int root_fd, const std::vector<std::string>& parts, Symlinks symlinks) {
  const std::string path = parts.empty() ? "." : "./" + join(parts, "/");
  auto found = sys::openat2(root_fd, path.c_str(), O_PATH | O_DIRECTORY, 0, resolve_flags(symlinks));
  if (found || found.error().error_number() != ENOENT || parts.empty()) return found;
  return make_directory(root_fd, parts, symlinks);
}

}  // namespace

namespace {

// Most are clean already, and a start has a hundred of them.
bool is_clean(std::string_view path) {
  if (path.size() < 2 || path.front() != '/') return false;
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

std::string clean_path(std::string_view path) {
  if (is_clean(path)) return std::string(path);
  std::vector<std::string> kept;
  for (auto& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(std::move(part));
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return "/" + join(kept, "/");
}

bool is_below(std::string_view path, std::string_view base) {
  if (base == "/") return true;
  return path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/');
}

Result<Fd> open_in_root(int root_fd, std::string_view path, Symlinks symlinks) {
  const std::string relative = "." + clean_path(path);
  return sys::openat2(root_fd, relative.c_str(), O_PATH, 0, resolve_flags(symlinks));
}

Result<Parent> open_parent(int root_fd, std::string_view path, Symlinks symlinks) {
  auto parts = components(path);
  if (parts.empty()) return invalid("\"/\" has no parent directory");
  Parent parent;
  parent.name = parts.back();
  parts.pop_back();
  parent.directory = TRY(open_directory(root_fd, parts, symlinks));
  return parent;
}

Result<Fd> open_target(int root_fd, std::string_view path, TargetType type, Symlinks symlinks) {
  // A path that exists is the common case, and costs one call.
  auto existing = open_in_root(root_fd, path, symlinks);
  if (existing) {
    const struct stat status = TRY(sys::fstat(existing->get()));
    if (S_ISDIR(status.st_mode) == (type == TargetType::kDirectory)) return existing;
    return invalid(printable(path) +
                   (type == TargetType::kDirectory ? ": not a directory" : ": is a directory"));
  }
  if (existing.error().error_number() != ENOENT) return existing;
  if (type == TargetType::kDirectory && !components(path).empty())
    return make_directory(root_fd, components(path), symlinks);
  const Parent parent = TRY(open_parent(root_fd, path, symlinks));
  constexpr mode_t kMode = 0644;
  auto made = sys::openat(parent.directory.get(), parent.name.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kMode);
  if (!made && made.error().error_number() != EEXIST) return made;
  return open_in_root(root_fd, path, symlinks);
}

}  // namespace namespaces
