#include "image/archive/layer_finish.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/layer_writer.h"

namespace image {

namespace {

constexpr uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
constexpr const char* kOpaque = "trusted.overlay.opaque";  // Documentation/filesystems/overlayfs.rst

Result<Fd> open_beneath(int root_fd, const EntryPath& path) {
  const std::string name = path.empty() ? "." : join(path, "/");
  return sys::openat2(root_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, kBeneath);
}

Result<void> mark_opaque(int fd) {
  if (::fsetxattr(fd, kOpaque, "y", 1, 0) == 0) return ok();
  return Error::from_errno(std::string("set ") + kOpaque, errno);
}

bool is_opaque(int fd) {
  char value = 0;
  return ::fgetxattr(fd, kOpaque, &value, 1) == 1 && value == 'y';
}

// overlayfs does not look at the mark on the root itself, so what the layers below have there is hidden one
// by one.
Result<void> hide_lower_roots(int layer_fd, const std::vector<std::string>& lower) {
  for (const auto& directory : lower) {
    const auto names = TRY(list_directory(directory));
    for (const auto& name : names) {
      auto made = sys::mknodat(layer_fd, name.c_str(), S_IFCHR, makedev(0, 0));
      if (made) continue;
      if (made.error().error_number() != EEXIST) return made;
      const struct stat status = TRY(sys::fstatat(layer_fd, name.c_str(), AT_SYMLINK_NOFOLLOW));
      if (!S_ISDIR(status.st_mode)) continue;
      const Fd own = TRY(open_beneath(layer_fd, {name}));
      TRY(mark_opaque(own.get()));
    }
  }
  return ok();
}

// What one layer says of a directory of those above it.
struct Below {
  Fd directory;  // open when the layer has it
  bool hidden =
      false;  // the layers further down can't show through: a file, link, whiteout or opaque directory
};

// One step a component, so that a path of a thousand directories costs a thousand steps and not their square.
Result<Below> look_below(const std::string& layer, const EntryPath& path) {
  Fd at = TRY(sys::open(layer.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const auto& name : path) {
    auto next = sys::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!next) return Below{Fd(), next.error().error_number() != ENOENT || is_opaque(at.get())};
    at = std::move(*next);
  }
  return Below{std::move(at), false};
}

// The directory as the layers below show it; an empty Fd when there is none.
Result<Fd> find_below(const std::vector<std::string>& lower, const EntryPath& path) {
  for (auto layer = lower.rbegin(); layer != lower.rend(); ++layer) {
    Below below = TRY(look_below(*layer, path));
    if (below.directory || below.hidden) return std::move(below.directory);
  }
  return Fd();
}

Result<void> copy_metadata(int from_fd, int to_fd) {
  const struct stat status = TRY(sys::fstat(from_fd));
  TRY(sys::fchownat(to_fd, "", status.st_uid, status.st_gid, AT_EMPTY_PATH));
  TRY(sys::fchmod(to_fd, status.st_mode & kPermissions));
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::futimens(to_fd, times) < 0) return Error::from_errno("set the time", errno);
  return ok();
}

}  // namespace

Result<void> finish_layer(const std::string& layer, const std::vector<std::string>& lower,
                          const UnpackAnswer& answer) {
  const Fd root = TRY(sys::open(layer.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const auto& path : answer.implied) {
    const Fd below = TRY(find_below(lower, path));
    if (!below) continue;
    const Fd own = TRY(open_beneath(root.get(), path));
    TRY_IN(printable(entry_path_text(path)), copy_metadata(below.get(), own.get()));
  }
  for (const auto& path : answer.opaque) {
    if (path.empty()) {
      TRY(hide_lower_roots(root.get(), lower));
      continue;
    }
    const Fd own = TRY(open_beneath(root.get(), path));
    TRY_IN(printable(entry_path_text(path)), mark_opaque(own.get()));
  }
  return ok();
}

}  // namespace image
