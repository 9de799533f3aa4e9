// The steps around the mounts: isolating the mount tree, opening the rootfs, entering it.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/file_system.h"
#include "namespaces/mount_steps.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

enum class Isolation { kPrivate, kSlave, kShared };

// The mount that holds `path` leaves its peer group. Without mountinfo: only a mount's root takes attributes.
Result<void> isolate_mount_of(const std::string& path) {
  mount_attr attributes = {};
  attributes.propagation = MS_PRIVATE;
  Fd at = TRY(sys::open(path.c_str(), O_PATH | O_DIRECTORY));
  constexpr int kLongestPath = 4096;
  for (int depth = 0; depth < kLongestPath; ++depth) {
    auto result = sys::mount_setattr(at.get(), "", AT_EMPTY_PATH, attributes);
    if (result || result.error().error_number() != EINVAL) return result;
    at = TRY(sys::openat(at.get(), "..", O_PATH | O_DIRECTORY));
  }
  return invalid(printable(path) + " is in no mount");
}

class IsolatePropagation : public Step {
 public:
  IsolatePropagation(Isolation isolation, std::string root)
      : Step(Lane::kInit, isolation == Isolation::kPrivate ? "make mounts private"
                          : isolation == Isolation::kSlave ? "make mounts slave"
                                                           : "make the rootfs's mount private"),
        isolation_(isolation),
        root_(std::move(root)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    if (isolation_ == Isolation::kShared) return isolate_mount_of(root_);
    const unsigned long flag = isolation_ == Isolation::kSlave ? MS_SLAVE : MS_PRIVATE;
    return sys::mount(nullptr, "/", nullptr, MS_REC | flag, nullptr);
  }
  std::string say() const override {
    if (isolation_ == Isolation::kShared) return "mount_setattr(mount of " + root_ + ", MS_PRIVATE)";
    return std::string("mount(NULL, /, NULL, MS_REC|") +
           (isolation_ == Isolation::kSlave ? "MS_SLAVE)" : "MS_PRIVATE)");
  }
  std::string shell() const override {
    if (isolation_ == Isolation::kShared)
      return "mount --make-private \"$(findmnt -n -o TARGET -T " + shell_quote(root_) + ")\"";
    return isolation_ == Isolation::kSlave ? "mount --make-rslave /" : "mount --make-rprivate /";
  }
  Reason why() const override {
    return {
        "a copy of the mount tree still shares its events: without this, what follows would appear on the "
        "host",
        "mount_namespaces(7)"};
  }

 private:
  Isolation isolation_;
  std::string root_;
};

class OpenRoot : public Step {
 public:
  explicit OpenRoot(RootSource source)
      : Step(Lane::kInit, "open the rootfs"), path_(source.path), source_(std::move(source)) {}

  Result<void> perform(StepContext& context) const override {
    if (source_.tree) return attach(context, std::move(context.trees[*source_.tree]));
    if (source_.is_mount) {
      context.root_fd = TRY(sys::open(path_.c_str(), O_PATH | O_DIRECTORY));
      return ok();
    }
    return attach(context, TRY(sys::open_tree(AT_FDCWD, path_.c_str(), OPEN_TREE_CLONE | AT_RECURSIVE)));
  }
  std::string say() const override {
    if (source_.is_mount) return "open(" + path_ + ", O_PATH)";
    return "open_tree(" + path_ + ", OPEN_TREE_CLONE|AT_RECURSIVE); move_mount(" + path_ + ")";
  }
  std::string shell() const override {
    const std::string root = "ROOT=" + shell_quote(path_);
    return source_.is_mount ? root : root + "\nmount --rbind \"$ROOT\" \"$ROOT\"";
  }
  Reason why() const override {
    return {
        "everything below is resolved from this descriptor, so that no link of the image leads to the host; "
        "pivot_root wants a mount point",
        "openat2(2)"};
  }

 private:
  Result<void> attach(StepContext& context, Fd tree) const {
    auto target = sys::open(path_.c_str(), O_PATH | O_DIRECTORY);
    // Root of a user namespace, and a directory on the way that is not for it: any place will do until the
    // pivot.
    if (!target && target.error().error_number() == EACCES) target = sys::open("/", O_PATH | O_DIRECTORY);
    if (!target) return std::move(target).error();
    TRY(sys::move_mount(tree.get(), target->get()));
    context.root_fd = std::move(tree);
    return ok();
  }

  std::string path_;
  RootSource source_;
};

class OpenProcfs : public Step {
 public:
  OpenProcfs() : Step(Lane::kInit, "open a private procfs") {}

  Result<void> perform(StepContext& context) const override {
    const bool is_joined = !context.proc_filesystems.empty();
    const Fd filesystem = TRY(open_procfs(context));
    constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    context.proc_fd = TRY(detached_mount(filesystem.get(), {}, kAttributes));
    if (is_joined) TRY(check_procfs(context.proc_fd.get()));
    return ok();
  }
  std::string say() const override { return "fsopen(proc); fsconfig(create); fsmount()"; }
  std::string shell() const override { return "# (shell writes to /proc by path)"; }
  Reason why() const override {
    return {"sysctls are written through a procfs that is mounted nowhere: nothing can be mounted over it",
            "fsmount(2)"};
  }
};

class OpenCallersProcfs : public Step {
 public:
  OpenCallersProcfs() : Step(Lane::kInit, "open the caller's /proc") {}

  Result<void> perform(StepContext& context) const override {
    context.proc_fd = TRY(sys::open("/proc", O_PATH | O_DIRECTORY));
    struct statfs status = {};
    const bool is_procfs =
        ::fstatfs(context.proc_fd.get(), &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
    return is_procfs ? ok() : corrupt("/proc is no procfs");
  }
  std::string say() const override { return "open(/proc, O_PATH)"; }
  std::string shell() const override { return "# (shell writes to /proc by path)"; }
  Reason why() const override {
    return {
        "sysctls are written through it; a procfs of the caller's pid namespace can't be mounted by root of "
        "a user namespace",
        "user_namespaces(7)"};
  }
};

// rootfsPropagation, once it can do nothing to the host any more.
Result<void> set_root_propagation(const std::string& propagation) {
  if (propagation.empty()) return ok();
  mount_attr attributes = {};
  const bool recursive = propagation.front() == 'r';
  const std::string_view kind = std::string_view(propagation).substr(recursive ? 1 : 0);
  attributes.propagation = kind == "shared"       ? MS_SHARED
                           : kind == "slave"      ? MS_SLAVE
                           : kind == "unbindable" ? MS_UNBINDABLE
                                                  : MS_PRIVATE;
  return sys::mount_setattr(AT_FDCWD, "/", recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0U, attributes);
}

class PivotRoot : public Step {
 public:
  explicit PivotRoot(std::string propagation)
      : Step(Lane::kInit, "pivot into the rootfs"), propagation_(std::move(propagation)) {}

  Result<void> perform(StepContext& context) const override {
    // pivot_root(2), "pivot_root(".", ".")": both roots are stacked on the same directory; "." is then the
    // old one.
    TRY(sys::fchdir(context.root_fd.get()));
    Fd old_root;
    if (contains(propagation_, "shared")) old_root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
    TRY(sys::pivot_root(".", "."));
    if (old_root) {
      // Where mounts are shared with the host, so would be that they go.
      mount_attr attributes = {};
      attributes.propagation = MS_SLAVE;
      TRY(sys::mount_setattr(old_root.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, attributes));
    }
    TRY(sys::umount2(".", MNT_DETACH));
    TRY(sys::chdir("/"));
    return set_root_propagation(propagation_);
  }
  std::string say() const override {
    return "fchdir(ROOT); pivot_root(., .); umount2(., MNT_DETACH); chdir(/)";
  }
  std::string shell() const override {
    return "exec 9< /\n"
           "cd \"$ROOT\"; pivot_root . .; cd /proc/self/fd/9; exec 9<&-\n"
           "# the working directory is still the host's root: programs of the host are run from there\n"
           "\".$BUSYBOX\" umount -l /";
  }
  Reason why() const override {
    return {"the host's files are gone from the mount tree; a chroot could be escaped, this can't",
            "pivot_root(2)"};
  }

 private:
  std::string propagation_;
};

class MoveRoot : public Step {
 public:
  explicit MoveRoot(std::string propagation)
      : Step(Lane::kInit, "move the rootfs to /"), propagation_(std::move(propagation)) {}

  Result<void> perform(StepContext& context) const override {
    TRY(sys::fchdir(context.root_fd.get()));
    // The old root stays below. A full procfs and sysfs in reach of the container would let root of a user
    // namespace mount such ones itself (mount_too_revealing() in the kernel's fs/namespace.c).
    for (const char* path : {"/proc", "/sys"}) {
      auto gone = sys::umount2(path, MNT_DETACH);
      if (!gone && gone.error().error_number() != EINVAL && gone.error().error_number() != ENOENT)
        return gone;
    }
    TRY(sys::mount(".", "/", nullptr, MS_MOVE, nullptr));
    TRY(sys::chroot("."));
    TRY(sys::chdir("/"));
    return set_root_propagation(propagation_);
  }
  std::string say() const override {
    return "fchdir(ROOT); umount2(/proc | /sys, MNT_DETACH); mount(., /, MS_MOVE); chroot(.); chdir(/)";
  }
  std::string shell() const override {
    return "# --no-pivot: the script pivots nevertheless\n" + PivotRoot(propagation_).shell();
  }
  Reason why() const override {
    return {
        "where the host's root is an initramfs, which pivot_root(2) can't move: weaker, the host's files "
        "are still in the mount tree",
        "chroot(2)"};
  }

 private:
  std::string propagation_;
};

}  // namespace

StepPtr isolate_propagation_step(const std::string& propagation, const std::string& root) {
  const Isolation isolation = contains(propagation, "shared")  ? Isolation::kShared
                              : contains(propagation, "slave") ? Isolation::kSlave
                                                               : Isolation::kPrivate;
  return std::make_unique<IsolatePropagation>(isolation, root);
}

StepPtr open_root_step(RootSource source) {
  return std::make_unique<OpenRoot>(std::move(source));
}

StepPtr move_root_step(const std::string& propagation) {
  return std::make_unique<MoveRoot>(propagation);
}

Result<Fd> open_procfs(StepContext& context) {
  if (context.proc_filesystems.empty()) return sys::fsopen("proc");
  Fd filesystem = std::move(context.proc_filesystems.back());
  context.proc_filesystems.pop_back();
  return filesystem;
}

Result<void> check_procfs(int fd) {
  struct statfs status = {};
  const bool is_procfs = ::fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
  return is_procfs ? ok() : corrupt("what was opened in the joined pid namespace is no procfs");
}

StepPtr open_procfs_step() {
  return std::make_unique<OpenProcfs>();
}
StepPtr open_callers_procfs_step() {
  return std::make_unique<OpenCallersProcfs>();
}

StepPtr pivot_root_step(const std::string& propagation) {
  return std::make_unique<PivotRoot>(propagation);
}

}  // namespace namespaces
