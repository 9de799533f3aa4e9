#include "image/archive/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/layer_writer.h"
#include "image/archive/tar_output.h"

namespace image {

namespace {

Result<std::vector<std::string>> sorted_names(int dir_fd) {
  Fd again = TRY(sys::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY));
  DIR* stream = ::fdopendir(again.get());
  if (stream == nullptr) return Error::from_errno("fdopendir", errno);
  again.release();
  std::vector<std::string> names;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  for (const dirent* entry = ::readdir(stream); entry != nullptr; entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

class Packer {
 public:
  Packer(TarOutput tar, dev_t device) : tar_(std::move(tar)), device_(device) {}

  // Everything in a directory whose name in the tar is `prefix` ("" or "a/b/").
  Result<void> add_children(int dir_fd, const std::string& prefix) {
    const auto names = TRY(sorted_names(dir_fd));
    for (const auto& name : names)
      TRY_IN("'" + printable(prefix + name) + "'", add(dir_fd, name, prefix));
    return ok();
  }
  Result<void> finish() { return tar_.finish(); }

 private:
  Result<void> add(int dir_fd, const std::string& name, const std::string& prefix) {
    auto status = sys::fstatat(dir_fd, name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status && status.error().error_number() == ENOENT) return ok();  // removed while we look
    if (!status) return std::move(status).error();
    TarMember member{.name = prefix + name, .status = *status};
    if (S_ISSOCK(status->st_mode)) return ok();
    const bool foreign = status->st_dev != device_;
    if (S_ISDIR(status->st_mode)) return add_directory(dir_fd, name, std::move(member), foreign);
    if (S_ISREG(status->st_mode) && !foreign && is_link(member)) return tar_.add_member(member, -1);
    if (S_ISREG(status->st_mode)) return add_file(dir_fd, name, std::move(member), foreign);
    if (S_ISLNK(status->st_mode)) member.link = TRY(sys::readlinkat(dir_fd, name.c_str()));
    return tar_.add_member(member, -1);
  }

  // True when another name of the file was written before.
  bool is_link(TarMember& member) {
    if (member.status.st_nlink < 2) return false;
    const auto [known, is_new] = linked_.emplace(member.status.st_ino, member.name);
    if (is_new) return false;
    member.link = known->second;
    member.is_hard_link = true;
    return true;
  }

  Result<void> add_directory(int dir_fd, const std::string& name, TarMember member, bool foreign) {
    const Fd directory = TRY(sys::openat(dir_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    read_xattrs(directory.get(), member);
    member.name += "/";
    TRY(tar_.add_member(member, -1));
    return foreign ? ok() : add_children(directory.get(), member.name);
  }

  Result<void> add_file(int dir_fd, const std::string& name, TarMember member, bool foreign) {
    const Fd file = TRY(sys::openat(dir_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (foreign) member.status.st_size = 0;
    read_xattrs(file.get(), member);
    return tar_.add_member(member, file.get());
  }

  static void read_xattrs(int fd, TarMember& member) {
    std::string names(65536, '\0');  // XATTR_LIST_MAX
    const ssize_t size = ::flistxattr(fd, names.data(), names.size());
    if (size <= 0) return;
    names.resize(static_cast<size_t>(size));
    for (const auto& name : split(names, '\0')) {
      if (name.empty() || !is_kept_xattr(name)) continue;
      std::string value(65536, '\0');  // XATTR_SIZE_MAX
      const ssize_t length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
      if (length < 0) continue;
      value.resize(static_cast<size_t>(length));
      member.xattrs.emplace_back(name, std::move(value));
    }
  }

  TarOutput tar_;
  dev_t device_;
  std::map<ino_t, std::string> linked_;
};

}  // namespace

Result<void> pack_tree(int root_fd, int out_fd) {
  const struct stat status = TRY(sys::fstat(root_fd));
  TarOutput tar = TRY(TarOutput::make(out_fd));
  Packer packer(std::move(tar), status.st_dev);
  TRY(packer.add_children(root_fd, ""));
  return packer.finish();
}

Result<Fd> mount_merged(const std::string& base, const std::vector<std::string>& directories) {
  TRY(sys::chdir(base.c_str()));
  if (directories.size() == 1) return sys::open(directories.front().c_str(), O_RDONLY | O_DIRECTORY);
  TRY(sys::unshare(CLONE_NEWNS));
  TRY(sys::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  // A running container has the top one mounted as its upper directory: without an index that is allowed.
  const std::string options = "index=off,lowerdir=" + join(directories, ":");
  constexpr size_t kMountDataBytes = 4095;  // one page with its NUL
  if (options.size() > kMountDataBytes) return unsupported("too many layers for one mount");
  TRY(sys::mount("overlay", base.c_str(), "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC,
                 options.c_str()));
  return sys::open(base.c_str(), O_RDONLY | O_DIRECTORY);
}

}  // namespace image
