#include "engine/layer_view.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <deque>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace engine {

namespace {

constexpr int kMostLinks = 40;  // as path_resolution(7)
constexpr size_t kMostComponents = 4096;

// A character device 0:0 hides the name in the layers below (overlayfs.rst "whiteouts and opaque
// directories").
bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

bool is_opaque(int directory_fd) {
  std::array<char, 2> value = {};
  const ssize_t size = ::fgetxattr(directory_fd, "trusted.overlay.opaque", value.data(), value.size());
  return size == 1 && value[0] == 'y';
}

}  // namespace

Result<LayerView> LayerView::open(const std::vector<std::string>& directories) {
  LayerView view;
  for (const auto& path : directories) {
    auto fd = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY);
    if (fd) {
      view.layers_.push_back(std::move(*fd));
    } else if (fd.error().error_number() != ENOENT) {
      return std::move(fd).error();
    }
  }
  return view;
}

Result<std::vector<Fd>> LayerView::roots() const {
  std::vector<Fd> copies;
  for (const auto& layer : layers_)
    copies.push_back(TRY(sys::dup(layer.get())));
  return copies;
}

Result<LayerView::Found> LayerView::look(const std::vector<Fd>& directories, const std::string& name) {
  Found found;
  for (const auto& directory : directories) {
    const auto status = sys::fstatat(directory.get(), name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status && (status.error().error_number() == ENOENT || status.error().error_number() == ENOTDIR))
      continue;
    if (!status) return status.error();
    const bool below_a_directory = found.kind == Found::Kind::kDirectory;
    if (is_whiteout(*status) || (below_a_directory && !S_ISDIR(status->st_mode))) return found;
    if (S_ISLNK(status->st_mode)) {
      found.kind = Found::Kind::kLink;
      found.link = TRY(sys::readlinkat(directory.get(), name.c_str()));
      return found;
    }
    if (!S_ISDIR(status->st_mode)) {
      // Checked before it is opened: opening a device may already do something.
      if (!S_ISREG(status->st_mode)) return invalid("not a regular file");
      found.file =
          TRY(sys::openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
      const struct stat opened = TRY(sys::fstat(found.file.get()));
      if (!S_ISREG(opened.st_mode)) return invalid("not a regular file");
      found.kind = Found::Kind::kFile;
      return found;
    }
    Fd fd = TRY(sys::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    const bool hides_the_rest = is_opaque(fd.get());
    found.kind = Found::Kind::kDirectory;
    found.directories.push_back(std::move(fd));
    if (hides_the_rest) return found;
  }
  return found;
}

Result<LayerView::Found> LayerView::walk(const std::string& path) const {
  std::deque<std::string> left;
  for (auto& part : split(path, '/'))
    left.push_back(std::move(part));
  std::vector<std::vector<Fd>> trail;  // merged directories from the root to here, for ".."
  trail.push_back(TRY(roots()));
  int links = 0;
  while (!left.empty()) {
    if (left.size() > kMostComponents) return invalid("path is too long");
    const std::string name = left.front();
    left.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (trail.size() > 1) trail.pop_back();
      continue;
    }
    Found found = TRY(look(trail.back(), name));
    if (found.kind == Found::Kind::kDirectory) {
      trail.push_back(std::move(found.directories));
    } else if (found.kind == Found::Kind::kLink) {
      if (++links > kMostLinks) return invalid("too many symbolic links");
      if (found.link.starts_with('/')) trail.resize(1);
      const auto parts = split(found.link, '/');
      left.insert(left.begin(), parts.begin(), parts.end());
    } else if (found.kind == Found::Kind::kFile && left.empty()) {
      return found;
    } else {
      return not_found(path + ": no such file");
    }
  }
  Found here;
  here.kind = Found::Kind::kDirectory;
  here.directories = std::move(trail.back());
  return here;
}

Result<std::string> LayerView::read(const std::string& path, size_t limit) const {
  const Found found = TRY_IN(path, walk(path));
  if (found.kind != Found::Kind::kFile) return invalid(path + ": not a regular file");
  return TRY_IN(path, read_fd(found.file.get(), limit));
}

bool LayerView::is_directory(const std::string& path) const {
  const auto found = walk(path);
  return found && found->kind == Found::Kind::kDirectory;
}

}  // namespace engine
