// Masked and read-only paths: what the kernel shows in /proc and /sys that no namespace hides.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/file_system.h"
#include "namespaces/mount_steps.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

// The target, a closed Fd when it is missing. A symlink in the way is an error: following it would mask
// another place.
Result<Fd> find_target(int root_fd, const std::string& path) {
  auto target = open_in_root(root_fd, path, Symlinks::kRefuse);
  if (target) return target;
  if (target.error().error_number() == ENOENT || target.error().error_number() == ENOTDIR) return Fd();
  if (target.error().error_number() == ELOOP)
    return invalid("masked path " + printable(path) + " is a symbolic link");
  return std::move(target).error().in(path);
}

class MaskPaths : public Step {
 public:
  explicit MaskPaths(std::vector<std::string> paths)
      : Step(Lane::kInit, "mask " + std::to_string(paths.size()) + " paths"), paths_(std::move(paths)) {}

  Result<void> perform(StepContext& context) const override {
    for (const auto& path : paths_) {
      const Fd target = TRY(find_target(context.root_fd.get(), path));
      if (!target) continue;
      const struct stat status = TRY(sys::fstat(target.get()));
      if (S_ISDIR(status.st_mode)) {
        TRY_IN(path, cover_directory(context, target.get()));
      } else {
        TRY_IN(path, cover_file(context, target.get()));
      }
    }
    return ok();
  }
  std::string say() const override {
    return "open_tree(/dev/null | empty tmpfs); move_mount(" + join(paths_, ", ") + ")";
  }
  std::string shell() const override {
    std::string words;
    for (const auto& path : paths_)
      words += " " + shell_quote(path);
    return "for p in" + words + "; do\n  p=\"$ROOT$p\"\n" +
           "  if [ -d \"$p\" ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec tmpfs \"$p\"\n"
           "  elif [ -e \"$p\" ]; then mount --bind /dev/null \"$p\"; mount -o remount,bind,ro \"$p\"; "
           "fi\ndone";
  }
  Reason why() const override {
    return {"these files show or change the whole machine, and no namespace hides them", "proc(5)"};
  }

 private:
  static Result<void> cover_file(StepContext& context, int target_fd) {
    const Fd tree = TRY(sys::open_tree(context.null_fd.get(), "", OPEN_TREE_CLONE | AT_EMPTY_PATH));
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    TRY(sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH, attributes));
    return sys::move_mount(tree.get(), target_fd);
  }

  // One superblock serves all directories. Before Linux 6.15 a detached mount can't be cloned: the first mask
  // is the mount itself, and the others are clones of it where it is attached.
  static Result<void> cover_directory(StepContext& context, int target_fd) {
    if (context.empty_directory_fd) {
      const Fd tree =
          TRY(sys::open_tree(context.empty_directory_fd.get(), "", OPEN_TREE_CLONE | AT_EMPTY_PATH));
      return sys::move_mount(tree.get(), target_fd);
    }
    const Fd filesystem = TRY(sys::fsopen("tmpfs"));
    constexpr unsigned kAttributes =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    context.empty_directory_fd =
        TRY(detached_mount(filesystem.get(), {{"size", "0"}, {"nr_inodes", "2"}, {"ro", ""}}, kAttributes));
    return sys::move_mount(context.empty_directory_fd.get(), target_fd);
  }

  std::vector<std::string> paths_;
};

class ReadonlyPaths : public Step {
 public:
  explicit ReadonlyPaths(std::vector<std::string> paths)
      : Step(Lane::kInit, "make " + std::to_string(paths.size()) + " paths read-only"),
        paths_(std::move(paths)) {}

  Result<void> perform(StepContext& context) const override {
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    for (const auto& path : paths_) {
      const Fd target = TRY(find_target(context.root_fd.get(), path));
      if (!target) continue;
      const Fd tree =
          TRY_IN(path, sys::open_tree(target.get(), "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE));
      TRY_IN(path, sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, attributes));
      TRY_IN(path, sys::move_mount(tree.get(), target.get()));
    }
    return ok();
  }
  std::string say() const override {
    return "open_tree(OPEN_TREE_CLONE); mount_setattr(MOUNT_ATTR_RDONLY); move_mount(" + join(paths_, ", ") +
           ")";
  }
  std::string shell() const override {
    std::string words;
    for (const auto& path : paths_)
      words += " " + shell_in_root(path);
    return "for p in" + words +
           "; do\n  [ ! -e \"$p\" ] || { mount --bind \"$p\" \"$p\"; mount -o remount,bind,ro \"$p\"; "
           "}\ndone";
  }
  Reason why() const override {
    return {"readable for programs, but a write would change the host's kernel", "proc(5)"};
  }

 private:
  std::vector<std::string> paths_;
};

class ReadonlyRoot : public Step {
 public:
  ReadonlyRoot() : Step(Lane::kInit, "make the rootfs read-only") {}
  Result<void> perform(StepContext& context) const override {
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    return sys::mount_setattr(context.root_fd.get(), "", AT_EMPTY_PATH, attributes);
  }
  std::string say() const override { return "mount_setattr(ROOT, MOUNT_ATTR_RDONLY)"; }
  std::string shell() const override { return "mount -o remount,bind,ro \"$ROOT\""; }
  Reason why() const override {
    return {"--read-only: the program can't change its own image", "mount_setattr(2)"};
  }
};

}  // namespace

StepPtr mask_paths_step(std::vector<std::string> paths) {
  return std::make_unique<MaskPaths>(std::move(paths));
}
StepPtr readonly_paths_step(std::vector<std::string> paths) {
  return std::make_unique<ReadonlyPaths>(std::move(paths));
}
StepPtr readonly_root_step() {
  return std::make_unique<ReadonlyRoot>();
}

}  // namespace namespaces
