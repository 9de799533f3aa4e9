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

constexpr unsigned kMostLinks = 40;  // path_resolution(7)

Result<Fd> open_directory(int root_fd, const std::vector<std::string>& parts, Symlinks symlinks,
                          unsigned links_left);

// Where the symbolic link `name` in `parents` leads: to something that is missing (/etc/resolv.conf of a host
// with systemd-resolved is such a link). kNotFound when it is no link. A link that goes up is followed only
// from a directory that was reached without links, where ".." is what it looks like.
Result<std::vector<std::string>> behind_link(int root_fd, const std::vector<std::string>& parents,
                                             const Parent& link) {
  auto target = sys::readlinkat(link.directory.get(), link.name.c_str());
  if (!target) return Error::from_errno("openat2 " + printable(link.name), ENOENT);
  if (target->starts_with('/')) return components(*target);
  const std::string directory = "./" + join(parents, "/");
  constexpr uint64_t kPlain = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  TRY(sys::openat2(root_fd, directory.c_str(), O_PATH | O_DIRECTORY, 0, kPlain));
  return components(directory + "/" + *target);
}

// The directory `parts`, which is missing: made by mkdirat(2) in its parent as that was resolved, so that a
// rename under us can't make us create anything outside.
Result<Fd> make_directory(int root_fd, std::vector<std::string> parts, Symlinks symlinks,
                          unsigned links_left) {
  constexpr mode_t kMode = 0755;
  const std::string whole = "./" + join(parts, "/");
  Parent parent;
  parent.name = std::move(parts.back());
  parts.pop_back();
  parent.directory = TRY(open_directory(root_fd, parts, symlinks, links_left));
  auto made = sys::mkdirat(parent.directory.get(), parent.name.c_str(), kMode);
  if (!made && made.error().error_number() != EEXIST) return std::move(made).error();
  auto opened = sys::openat2(root_fd, whole.c_str(), O_PATH | O_DIRECTORY, 0, resolve_flags(symlinks));
  const bool leads_nowhere = !opened && opened.error().error_number() == ENOENT;
  if (!leads_nowhere || links_left == 0 || symlinks == Symlinks::kRefuse) return opened;
  return open_directory(root_fd, TRY(behind_link(root_fd, parts, parent)), symlinks, links_left - 1);
}

// The directory at `parts` below the root, with its parents made where they are missing. Looks from the end:
// most of a path is there, and each part of it costs a call.
Result<Fd> open_directory(int root_fd, const std::vector<std::string>& parts, Symlinks symlinks,
                          unsigned links_left) {
  const std::string path = parts.empty() ? "." : "./" + join(parts, "/");
  auto found = sys::openat2(root_fd, path.c_str(), O_PATH | O_DIRECTORY, 0, resolve_flags(symlinks));
  if (found || found.error().error_number() != ENOENT || parts.empty()) return found;
  return make_directory(root_fd, parts, symlinks, links_left);
}

// The file at `parts`, which is missing, in its parent as that was resolved.
Result<Fd> make_file(int root_fd, std::vector<std::string> parts, Symlinks symlinks, unsigned links_left) {
  const std::string path = "/" + join(parts, "/");
  Parent parent;
  parent.name = std::move(parts.back());
  parts.pop_back();
  parent.directory = TRY(open_directory(root_fd, parts, symlinks, links_left));
  constexpr mode_t kMode = 0644;
  auto made = sys::openat(parent.directory.get(), parent.name.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kMode);
  if (!made && made.error().error_number() != EEXIST) return made;
  auto opened = open_in_root(root_fd, path, symlinks);
  const bool leads_nowhere = !opened && opened.error().error_number() == ENOENT;
  if (!leads_nowhere || links_left == 0 || symlinks == Symlinks::kRefuse) return opened;
  auto target = TRY(behind_link(root_fd, parts, parent));
  if (target.empty()) return opened;
  return make_file(root_fd, std::move(target), symlinks, links_left - 1);
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

std::string shell_in_root(const std::string& path) {
  return "\"$ROOT\"" + shell_quote(path);
}

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
  parent.directory = TRY(open_directory(root_fd, parts, symlinks, kMostLinks));
  return parent;
}

Result<Fd> open_target(int root_fd, std::string_view path, TargetType type, Symlinks symlinks) {
  // A path that exists is the common case, and costs one call.
  auto existing = open_in_root(root_fd, path, symlinks);
  if (existing) {
    const struct stat status = TRY(sys::fstat(existing->get()));
    if (S_ISDIR(status.st_mode) == (type == TargetType::kDirectory)) return existing;
    return invalid(printable(path) + (type == TargetType::kDirectory
                                          ? ": not a directory"
                                          : ": a directory already, and what comes here is not a directory"));
  }
  if (existing.error().error_number() != ENOENT) return existing;
  auto parts = components(path);
  if (parts.empty()) return existing;
  if (type == TargetType::kDirectory) return make_directory(root_fd, std::move(parts), symlinks, kMostLinks);
  return make_file(root_fd, std::move(parts), symlinks, kMostLinks);
}

}  // namespace namespaces
