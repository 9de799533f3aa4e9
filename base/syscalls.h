// System calls as functions that return Result: the man page's name and argument order, one place that knows
// the numbers of calls glibc 2.36 has no wrapper for. Every descriptor is born close-on-exec. EINTR is
// retried where the call may be repeated. The error text is "call argument: strerror"; callers add what it
// was for. Sources: the call's own man page, section 2; for the mount API also the kernel's
// Documentation/filesystems/mount_api.rst.
#pragma once

#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/types.h>
#ifndef __GLIBC__
#include <linux/fs.h>  // RENAME_*, which glibc has in <cstdio>
#endif

#include <cstdint>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/mount_api.h"
#include "base/result.h"

namespace sys {

Result<Fd> open(const char* path, int flags, mode_t mode = 0);
Result<Fd> openat(int dir_fd, const char* path, int flags, mode_t mode = 0);
// resolve: RESOLVE_* of openat2(2). EAGAIN (a rename raced a RESOLVE_IN_ROOT walk) is retried.
Result<Fd> openat2(int dir_fd, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve);
// The number of bytes read; 0 is end of file.
Result<size_t> read(int fd, std::span<char> buffer);
Result<size_t> write(int fd, std::span<const char> bytes);
Result<void> mkdir(const char* path, mode_t mode);
Result<void> mkdirat(int dir_fd, const char* path, mode_t mode);
Result<void> mknodat(int dir_fd, const char* path, mode_t mode, dev_t device);
Result<void> symlinkat(const char* target, int dir_fd, const char* path);
Result<void> unlinkat(int dir_fd, const char* path, int flags);
Result<void> renameat2(int old_dir, const char* old_path, int new_dir, const char* new_path, unsigned flags);
Result<void> fchownat(int dir_fd, const char* path, uid_t uid, gid_t gid, int flags);
Result<void> fchmod(int fd, mode_t mode);
Result<struct stat> fstat(int fd);
Result<struct stat> fstatat(int dir_fd, const char* path, int flags);
Result<std::string> readlinkat(int dir_fd, const char* path);
Result<void> fsync(int fd);
Result<void> ftruncate(int fd, off_t length);
Result<void> flock(int fd, int operation);
Result<Fd> dup(int fd);
Result<void> dup2(int fd, int target);
struct Pipe {
  Fd reader;
  Fd writer;
};
Result<Pipe> pipe2(int flags);
struct SocketPair {
  Fd ours;
  Fd theirs;
};
Result<SocketPair> socketpair(int domain, int type);
// One message on a Unix socket, and in it a descriptor unless `attached_fd` is negative (SCM_RIGHTS,
// unix(7)). No SIGPIPE. Allocates nothing when it succeeds.
Result<void> sendmsg(int socket_fd, std::span<const char> bytes, int attached_fd);

// mount(2) and the descriptor-based mount API
Result<void> mount(const char* source, const char* target, const char* type, unsigned long flags,
                   const char* data);
Result<void> umount2(const char* target, int flags);
Result<Fd> fsopen(const char* type);
Result<void> fsconfig_string(int fs_fd, const char* key, const char* value);
Result<void> fsconfig_flag(int fs_fd, const char* key);
Result<void> fsconfig_create(int fs_fd);
Result<void> fsconfig_reconfigure(int fs_fd);
// The file system that is mounted at `mount_fd` (O_PATH), to be reconfigured.
Result<Fd> fspick(int mount_fd);
// attributes: MOUNT_ATTR_*. The result is a detached mount: closing it undoes it.
Result<Fd> fsmount(int fs_fd, unsigned attributes);
Result<Fd> open_tree(int dir_fd, const char* path, unsigned flags);
// Attaches the detached mount `mount_fd` on the object `target_fd` (both by descriptor, no path is walked).
Result<void> move_mount(int mount_fd, int target_fd);
// The same on `path` below `dir_fd`; its last part is not followed when it is a symbolic link.
Result<void> move_mount(int mount_fd, int dir_fd, const char* path);
Result<void> mount_setattr(int dir_fd, const char* path, unsigned flags, struct mount_attr attributes);
Result<void> pivot_root(const char* new_root, const char* put_old);
Result<void> chdir(const char* path);
Result<void> fchdir(int fd);
Result<void> chroot(const char* path);

// processes and namespaces
// 0 in the child, the pid in the parent. arguments.stack is 0: the child goes on on a copy of this stack.
Result<pid_t> clone3(struct clone_args& arguments);
Result<void> unshare(int flags);
Result<void> setns(int fd, int flags);
Result<Fd> pidfd_open(pid_t pid);
Result<void> pidfd_send_signal(int pidfd, int signal);
Result<void> close_range(unsigned first, unsigned last, unsigned flags);
Result<void> prctl(int operation, unsigned long a2 = 0, unsigned long a3 = 0, unsigned long a4 = 0,
                   unsigned long a5 = 0);
Result<void> sethostname(const std::string& name);
Result<void> setdomainname(const std::string& name);
Result<Fd> memfd_create(const char* name, unsigned flags);

}  // namespace sys
