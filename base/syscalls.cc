#include "base/syscalls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace sys {
namespace {

// "call subject", the error text's first half; built only on failure.
Error failed(const char* call, const char* subject = nullptr) {
  const int error_number = errno;
  std::string what = call;
  if (subject != nullptr && *subject != '\0') what += std::string(" ") + subject;
  return Error::from_errno(what, error_number);
}

Result<void> check(long result, const char* call, const char* subject = nullptr) {
  if (result < 0) return failed(call, subject);
  return ok();
}

Result<Fd> check_fd(long result, const char* call, const char* subject = nullptr) {
  if (result < 0) return failed(call, subject);
  return Fd(static_cast<int>(result));
}

template <typename Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR)
    result = call();
  return result;
}

}  // namespace

Result<Fd> open(const char* path, int flags, mode_t mode) {
  return openat(AT_FDCWD, path, flags, mode);
}

Result<Fd> openat(int dir_fd, const char* path, int flags, mode_t mode) {
  return check_fd(retry([&] { return ::openat(dir_fd, path, flags | O_CLOEXEC, mode); }), "open", path);
}

Result<Fd> openat2(int dir_fd, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  constexpr int kAttempts = 128;
  for (int attempt = 0;; ++attempt) {
    const long fd = retry([&] { return ::syscall(SYS_openat2, dir_fd, path, &how, sizeof how); });
    if (fd >= 0 || errno != EAGAIN || attempt == kAttempts) return check_fd(fd, "openat2", path);
  }
}

Result<size_t> read(int fd, std::span<char> buffer) {
  const ssize_t count = retry([&] { return ::read(fd, buffer.data(), buffer.size()); });
  if (count < 0) return failed("read");
  return static_cast<size_t>(count);
}

Result<size_t> write(int fd, std::span<const char> bytes) {
  const ssize_t count = retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
  if (count < 0) return failed("write");
  return static_cast<size_t>(count);
}

Result<void> mkdir(const char* path, mode_t mode) {
  return check(::mkdir(path, mode), "mkdir", path);
}
Result<void> mkdirat(int dir_fd, const char* path, mode_t mode) {
  return check(::mkdirat(dir_fd, path, mode), "mkdir", path);
}
Result<void> mknodat(int dir_fd, const char* path, mode_t mode, dev_t device) {
  return check(::mknodat(dir_fd, path, mode, device), "mknod", path);
}
Result<void> symlinkat(const char* target, int dir_fd, const char* path) {
  return check(::symlinkat(target, dir_fd, path), "symlink", path);
}
Result<void> unlinkat(int dir_fd, const char* path, int flags) {
  return check(::unlinkat(dir_fd, path, flags), (flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", path);
}
Result<void> renameat2(int old_dir, const char* old_path, int new_dir, const char* new_path, unsigned flags) {
  return check(::syscall(SYS_renameat2, old_dir, old_path, new_dir, new_path, flags), "rename", old_path);
}
Result<void> fchownat(int dir_fd, const char* path, uid_t uid, gid_t gid, int flags) {
  return check(::fchownat(dir_fd, path, uid, gid, flags), "chown", path);
}
Result<void> fchmod(int fd, mode_t mode) {
  return check(::fchmod(fd, mode), "chmod");
}

Result<struct stat> fstat(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) < 0) return failed("fstat");
  return status;
}

Result<struct stat> fstatat(int dir_fd, const char* path, int flags) {
  struct stat status = {};
  if (::fstatat(dir_fd, path, &status, flags) < 0) return failed("stat", path);
  return status;
}

Result<std::string> readlinkat(int dir_fd, const char* path) {
  std::array<char, PATH_MAX> buffer = {};
  const ssize_t length = ::readlinkat(dir_fd, path, buffer.data(), buffer.size());
  if (length < 0) return failed("readlink", path);
  return std::string(buffer.data(), static_cast<size_t>(length));
}

Result<void> fsync(int fd) {
  return check(retry([&] { return ::fsync(fd); }), "fsync");
}
Result<void> ftruncate(int fd, off_t length) {
  return check(retry([&] { return ::ftruncate(fd, length); }), "ftruncate");
}
Result<void> flock(int fd, int operation) {
  return check(retry([&] { return ::flock(fd, operation); }), "flock");
}
Result<Fd> dup(int fd) {
  return check_fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "dup");
}
Result<void> dup2(int fd, int target) {
  return check(retry([&] { return ::dup2(fd, target); }), "dup2");
}

Result<Pipe> pipe2(int flags) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), flags | O_CLOEXEC) < 0) return failed("pipe2");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<SocketPair> socketpair(int domain, int type) {
  std::array<int, 2> ends = {};
  if (::socketpair(domain, type | SOCK_CLOEXEC, 0, ends.data()) < 0) return failed("socketpair");
  return SocketPair{Fd(ends[0]), Fd(ends[1])};
}

Result<void> sendmsg(int socket_fd, std::span<const char> bytes, int attached_fd) {
  iovec data = {const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT: sendmsg(2) reads only
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (attached_fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &attached_fd, sizeof attached_fd);
  }
  return check(retry([&] { return ::sendmsg(socket_fd, &message, MSG_NOSIGNAL); }), "sendmsg");
}

Result<void> mount(const char* source, const char* target, const char* type, unsigned long flags,
                   const char* data) {
  return check(::mount(source, target, type, flags, data), "mount", target);
}
Result<void> umount2(const char* target, int flags) {
  return check(::umount2(target, flags), "umount2", target);
}
Result<Fd> fsopen(const char* type) {
  return check_fd(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen", type);
}
Result<void> fsconfig_string(int fs_fd, const char* key, const char* value) {
  return check(::syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, key, value, 0), "fsconfig", key);
}
Result<void> fsconfig_flag(int fs_fd, const char* key) {
  return check(::syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, key, nullptr, 0), "fsconfig", key);
}
Result<void> fsconfig_create(int fs_fd) {
  return check(::syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig create");
}
Result<void> fsconfig_reconfigure(int fs_fd) {
  return check(::syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0),
               "fsconfig reconfigure");
}
Result<Fd> fspick(int mount_fd) {
  return check_fd(::syscall(SYS_fspick, mount_fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC), "fspick");
}
Result<Fd> fsmount(int fs_fd, unsigned attributes) {
  return check_fd(::syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes), "fsmount");
}
Result<Fd> open_tree(int dir_fd, const char* path, unsigned flags) {
  return check_fd(::syscall(SYS_open_tree, dir_fd, path, flags | OPEN_TREE_CLOEXEC), "open_tree", path);
}
Result<void> move_mount(int mount_fd, int target_fd) {
  return check(::syscall(SYS_move_mount, mount_fd, "", target_fd, "",
                         MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
               "move_mount");
}
Result<void> move_mount(int mount_fd, int dir_fd, const char* path) {
  return check(::syscall(SYS_move_mount, mount_fd, "", dir_fd, path, MOVE_MOUNT_F_EMPTY_PATH), "move_mount",
               path);
}
Result<void> mount_setattr(int dir_fd, const char* path, unsigned flags, struct mount_attr attributes) {
  return check(::syscall(SYS_mount_setattr, dir_fd, path, flags, &attributes, sizeof attributes),
               "mount_setattr", path);
}
Result<void> pivot_root(const char* new_root, const char* put_old) {
  return check(::syscall(SYS_pivot_root, new_root, put_old), "pivot_root", new_root);
}
Result<void> chdir(const char* path) {
  return check(::chdir(path), "chdir", path);
}
Result<void> fchdir(int fd) {
  return check(::fchdir(fd), "fchdir");
}
Result<void> chroot(const char* path) {
  return check(::chroot(path), "chroot", path);
}

Result<pid_t> clone3(struct clone_args& arguments) {
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return failed("clone3");
  return static_cast<pid_t>(pid);
}

Result<void> unshare(int flags) {
  return check(::syscall(SYS_unshare, flags), "unshare");
}
Result<void> setns(int fd, int flags) {
  return check(::syscall(SYS_setns, fd, flags), "setns");
}
Result<Fd> pidfd_open(pid_t pid) {
  return check_fd(::syscall(SYS_pidfd_open, pid, 0), "pidfd_open");
}
Result<void> pidfd_send_signal(int pidfd, int signal) {
  return check(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0), "pidfd_send_signal");
}
Result<void> close_range(unsigned first, unsigned last, unsigned flags) {
  return check(::syscall(SYS_close_range, first, last, flags), "close_range");
}
Result<void> prctl(int operation, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5) {
  return check(::prctl(operation, a2, a3, a4, a5), "prctl");
}
Result<void> sethostname(const std::string& name) {
  return check(::sethostname(name.data(), name.size()), "sethostname", name.c_str());
}
Result<void> setdomainname(const std::string& name) {
  return check(::setdomainname(name.data(), name.size()), "setdomainname", name.c_str());
}
Result<Fd> memfd_create(const char* name, unsigned flags) {
  return check_fd(::syscall(SYS_memfd_create, name, flags), "memfd_create", name);
}

}  // namespace sys
