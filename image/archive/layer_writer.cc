#include "image/archive/layer_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/strings.h"
#include "base/syscalls.h"

namespace image {

namespace {

constexpr mode_t kPlainPermissions = 0777;
constexpr mode_t kImpliedDirectory = 0755;
constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

std::string quoted(const EntryPath& path) {
  return "'" + printable(entry_path_text(path)) + "'";
}

Result<void> remove_below(int parent_fd, const char* name);

Result<void> remove_children(Fd directory) {
  DIR* stream = ::fdopendir(directory.get());
  if (stream == nullptr) return Error::from_errno("fdopendir", errno);
  const int dir_fd = directory.release();
  Result<void> result;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  for (const dirent* entry = ::readdir(stream); entry != nullptr && result; entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") result = remove_below(dir_fd, entry->d_name);
  }
  ::closedir(stream);
  return result;
}

// What an entry replaces: one name, or the tree that entries before it put there.
Result<void> remove_below(int parent_fd, const char* name) {
  auto removed = sys::unlinkat(parent_fd, name, 0);
  if (removed || removed.error().error_number() == ENOENT) return ok();
  if (removed.error().error_number() != EISDIR) return removed;
  Fd directory = TRY(sys::openat(parent_fd, name, kOpenDirectory));
  TRY(remove_children(std::move(directory)));
  return sys::unlinkat(parent_fd, name, AT_REMOVEDIR);
}

// Runs `create`; when the name is taken, removes what has it, notes that, and runs it again.
template <typename Create>
auto replacing(int parent_fd, const std::string& name, bool& replaced, Create create) -> decltype(create()) {
  auto result = create();
  if (result || result.error().error_number() != EEXIST) return result;
  replaced = true;
  auto removed = remove_below(parent_fd, name.c_str());
  if (!removed) return std::move(removed).error();
  return create();
}

bool gives_group(const struct stat& status) {
  return status.st_gid != 0 || (status.st_mode & S_ISGID) != 0;
}

Result<void> set_owner_and_mode(int fd, const Entry& entry) {
  // The owner first: chown(2) clears set-user-ID bits and file capabilities.
  TRY(sys::fchownat(fd, "", entry.uid, entry.gid, AT_EMPTY_PATH));
  return sys::fchmod(fd, entry.mode & kPermissions);
}

Result<void> set_xattrs(int fd, const Entry& entry) {
  for (const auto& [name, value] : entry.xattrs) {
    if (!is_kept_xattr(name)) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == EOPNOTSUPP && name.starts_with("user.")) continue;  // tmpfs of older kernels
    return Error::from_errno("set the extended attribute " + printable(name), errno);
  }
  return ok();
}

Result<void> set_times(int fd, const timespec& mtime) {
  const timespec times[2] = {mtime, mtime};
  if (::futimens(fd, times) < 0) return Error::from_errno("set the time", errno);
  return ok();
}

// For what can't be opened: links and nodes. Links have no mode.
Result<void> set_metadata_at(int parent_fd, const std::string& name, const Entry& entry, bool with_owner) {
  if (with_owner) TRY(sys::fchownat(parent_fd, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW));
  // Just made by us as what it is, in a directory only we write to; fchmodat2(2) came with Linux 6.6.
  if (!S_ISLNK(entry.mode) && ::fchmodat(parent_fd, name.c_str(), entry.mode & kPermissions, 0) < 0)
    return Error::from_errno("chmod", errno);
  const timespec times[2] = {entry.mtime, entry.mtime};
  if (::utimensat(parent_fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0)
    return Error::from_errno("set the time", errno);
  return ok();
}

}  // namespace

bool is_kept_xattr(const std::string& name) {
  if (name.find('\0') != std::string::npos) return false;
  if (name == "security.capability") return true;
  return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

Result<int> LayerWriter::walk(const EntryPath& path, size_t length, Missing missing) {
  size_t common = 0;
  while (common < length && common < walked_.size() && walked_[common] == path[common])
    ++common;
  walked_.resize(common);
  open_.resize(common + 1);
  while (walked_.size() < length) {
    Directory next = TRY(enter(path, walked_.size() + 1, missing));
    open_.push_back(std::move(next));
    walked_.push_back(path[walked_.size()]);
  }
  return open_.back().fd.get();
}

Result<LayerWriter::Directory> LayerWriter::enter(const EntryPath& path, size_t length, Missing missing) {
  const int parent_fd = open_.back().fd.get();
  const char* name = path[length - 1].c_str();
  auto opened = sys::openat(parent_fd, name, kOpenDirectory);
  if (opened) {
    const struct stat status = TRY(sys::fstat(opened->get()));
    return Directory{std::move(*opened), gives_group(status)};
  }
  const EntryPath prefix(path.begin(), path.begin() + static_cast<long>(length));
  const int number = opened.error().error_number();
  if (number != ENOENT && number != ENOTDIR && number != ELOOP) return std::move(opened).error();
  if (missing == Missing::kFail) return not_found(quoted(prefix) + " is no directory of this layer");
  if (number != ENOENT) {
    const struct stat status = TRY(sys::fstatat(parent_fd, name, AT_SYMLINK_NOFOLLOW));
    if (!S_ISLNK(status.st_mode))
      return invalid(quoted(prefix) + " is a file, but other entries are below it");
    TRY(sys::unlinkat(parent_fd, name, 0));
    replaced_ = true;
  }
  TRY(sys::mkdirat(parent_fd, name, kImpliedDirectory));
  Fd made = TRY(sys::openat(parent_fd, name, kOpenDirectory));
  TRY(sys::fchmod(made.get(), kImpliedDirectory));
  implied_.insert(prefix);
  return Directory{std::move(made), open_.back().gives_group};
}

Result<void> LayerWriter::add(const Entry& entry, const Content& content) {
  const auto add_it = [&]() -> Result<void> {
    if (S_ISDIR(entry.mode) && !entry.is_hard_link) return add_directory(entry);
    if (entry.path.empty()) return invalid("the root of the layer must be a directory");
    if (entry.is_hard_link) return add_hard_link(entry);
    const int parent_fd = TRY(walk(entry.path, entry.path.size() - 1, Missing::kCreate));
    if (S_ISREG(entry.mode)) return add_file(entry, parent_fd, content);
    if (S_ISLNK(entry.mode)) return add_symlink(entry, parent_fd);
    return add_node(entry, parent_fd);
  };
  return TRY_IN(quoted(entry.path), add_it()), ok();
}

Result<void> LayerWriter::add_directory(const Entry& entry) {
  if (!entry.path.empty()) {
    const int parent_fd = TRY(walk(entry.path, entry.path.size() - 1, Missing::kCreate));
    const std::string& name = entry.path.back();
    auto made = sys::mkdirat(parent_fd, name.c_str(), kImpliedDirectory);
    if (!made && made.error().error_number() == EEXIST) {
      const struct stat status = TRY(sys::fstatat(parent_fd, name.c_str(), AT_SYMLINK_NOFOLLOW));
      made = ok();
      if (!S_ISDIR(status.st_mode)) {
        TRY(sys::unlinkat(parent_fd, name.c_str(), 0));
        replaced_ = true;
        made = sys::mkdirat(parent_fd, name.c_str(), kImpliedDirectory);
      }
    }
    TRY(std::move(made));
    implied_.erase(entry.path);
  }
  const int fd = TRY(walk(entry.path, entry.path.size(), Missing::kFail));
  TRY(set_owner_and_mode(fd, entry));
  TRY(set_xattrs(fd, entry));
  open_.back().gives_group = entry.gid != 0 || (entry.mode & S_ISGID) != 0;
  directory_times_.emplace_back(entry.path, entry.mtime);
  return ok();
}

// Four calls for a file of root without special bits: that is what most are.
Result<void> LayerWriter::add_file(const Entry& entry, int parent_fd, const Content& content) {
  const std::string& name = entry.path.back();
  // Set-user-ID and the like come after the owner; until then nobody else could use them.
  const bool is_special = (entry.mode & kPermissions) != (entry.mode & kPlainPermissions);
  const bool plain = !is_special && !needs_owner(entry);
  const mode_t mode = plain ? entry.mode & kPlainPermissions : S_IRUSR | S_IWUSR;
  const Fd file = TRY(replacing(parent_fd, name, replaced_, [&] {
    return sys::openat(parent_fd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  }));
  TRY(content(file.get()));
  if (!plain) TRY(set_owner_and_mode(file.get(), entry));
  TRY(set_xattrs(file.get(), entry));
  return set_times(file.get(), entry.mtime);
}

Result<void> LayerWriter::add_symlink(const Entry& entry, int parent_fd) {
  const std::string& name = entry.path.back();
  TRY(replacing(parent_fd, name, replaced_,
                [&] { return sys::symlinkat(entry.link_target.c_str(), parent_fd, name.c_str()); }));
  return set_metadata_at(parent_fd, name, entry, needs_owner(entry));
}

Result<void> LayerWriter::add_node(const Entry& entry, int parent_fd) {
  if (!S_ISCHR(entry.mode) && !S_ISBLK(entry.mode) && !S_ISFIFO(entry.mode))
    return invalid("an entry of this type can't be in an image");
  if (S_ISCHR(entry.mode) && entry.device == 0)
    return invalid("the character device 0:0 marks a removed file in overlayfs and can't be in an image");
  const std::string& name = entry.path.back();
  TRY(replacing(parent_fd, name, replaced_,
                [&] { return sys::mknodat(parent_fd, name.c_str(), entry.mode, entry.device); }));
  return set_metadata_at(parent_fd, name, entry, needs_owner(entry));
}

Result<void> LayerWriter::add_hard_link(const Entry& entry) {
  const EntryPath& target = entry.hard_link;
  if (target.empty() || target == entry.path) return invalid("is a hard link to itself or to the root");
  const auto missing = [&] {
    return invalid("is a hard link to " + quoted(target) + ", which is no file of this layer");
  };
  auto source = walk(target, target.size() - 1, Missing::kFail);
  if (!source) return source.error().kind() == ErrorKind::kNotFound ? missing() : std::move(source).error();
  // The next walk closes it.
  const Fd source_fd = TRY(sys::dup(*source));
  auto status = sys::fstatat(source_fd.get(), target.back().c_str(), AT_SYMLINK_NOFOLLOW);
  if (!status || S_ISDIR(status->st_mode)) return missing();
  const int parent_fd = TRY(walk(entry.path, entry.path.size() - 1, Missing::kCreate));
  TRY(replacing(parent_fd, entry.path.back(), replaced_, [&]() -> Result<void> {
    if (::linkat(source_fd.get(), target.back().c_str(), parent_fd, entry.path.back().c_str(), 0) == 0)
      return ok();
    return Error::from_errno("hard link to " + quoted(target), errno);
  }));
  return ok();
}

Result<void> LayerWriter::add_whiteout(const EntryPath& hidden) {
  whiteouts_.insert(hidden);
  return ok();
}

Result<void> LayerWriter::add_opaque(const EntryPath& directory) {
  opaque_.insert(directory);
  return ok();
}

// Nothing of that name in this layer: overlayfs' mark. A directory: it starts empty, so it is opaque.
// Anything else hides what is below by being there.
Result<void> LayerWriter::apply_whiteout(const EntryPath& hidden) {
  const int parent_fd = TRY(walk(hidden, hidden.size() - 1, Missing::kCreate));
  auto made = sys::mknodat(parent_fd, hidden.back().c_str(), S_IFCHR, makedev(0, 0));
  if (made || made.error().error_number() != EEXIST) return made;
  const struct stat status = TRY(sys::fstatat(parent_fd, hidden.back().c_str(), AT_SYMLINK_NOFOLLOW));
  if (S_ISDIR(status.st_mode)) opaque_.insert(hidden);
  return ok();
}

Result<void> LayerWriter::finish() {
  for (const auto& hidden : whiteouts_)
    TRY_IN("whiteout of " + quoted(hidden), apply_whiteout(hidden));
  for (const auto& directory : opaque_)
    TRY_IN("opaque directory " + quoted(directory), walk(directory, directory.size(), Missing::kCreate));
  for (const auto& [path, mtime] : directory_times_) {
    auto fd = walk(path, path.size(), Missing::kFail);
    if (!fd && fd.error().kind() == ErrorKind::kNotFound) continue;  // replaced by a later entry
    if (!fd) return std::move(fd).error();
    TRY_IN(quoted(path), set_times(*fd, mtime));
  }
  std::erase_if(implied_, [this](const EntryPath& path) {
    return !walk(path, path.size(), Missing::kFail).has_value();  // replaced by a later entry
  });
  return ok();
}

}  // namespace image
