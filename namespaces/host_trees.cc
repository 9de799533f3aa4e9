#include "namespaces/host_trees.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGCHLD
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace namespaces {
namespace {

bool is_mapped(const HostTree& tree) {
  return !tree.uid_maps.empty() || !tree.user_namespace.empty();
}

std::string maps_of(const HostTree& tree) {
  if (!tree.user_namespace.empty()) return tree.user_namespace;
  std::string text;
  for (const auto& map : tree.uid_maps) {
    text += (text.empty() ? "" : " ") + std::to_string(map.container_id) + ":" + std::to_string(map.host_id) +
            ":" + std::to_string(map.size);
  }
  return text;
}

std::string say_tree(const HostTree& tree) {
  std::string text = "open_tree(" + tree.source + ", OPEN_TREE_CLONE" +
                     (tree.recursive ? "|AT_RECURSIVE)" : ")") + "; mount_setattr(MS_SLAVE)";
  if (is_mapped(tree)) text += "; mount_setattr(MOUNT_ATTR_IDMAP, " + maps_of(tree) + ")";
  return text;
}

std::string shell_of(const HostTree& tree) {
  return "# " + printable(tree.source) +
         (is_mapped(tree) ? ": mount(8) of util-linux 2.39 has -o X-mount.idmap=" + maps_of(tree)
                          : " is bound below, by the host's root");
}

Result<void> map_ids(const HostTree& tree, int tree_fd) {
  const Fd user_namespace =
      TRY(tree.user_namespace.empty() ? make_user_namespace(tree.uid_maps, tree.gid_maps)
                                      : sys::open(tree.user_namespace.c_str(), O_RDONLY));
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(user_namespace.get());
  const unsigned recursive = tree.map_recursively ? static_cast<unsigned>(AT_RECURSIVE) : 0U;
  auto mapped = sys::mount_setattr(tree_fd, "", AT_EMPTY_PATH | recursive, attributes);
  if (!mapped && mapped.error().error_number() == EINVAL) {
    return unsupported("the file system of " + printable(tree.source) + " can't be id-mapped on this kernel" +
                       (tree.map_recursively ? ", or one that is mounted below it" : ""));
  }
  return mapped;
}

Result<Fd> open_host_tree(const HostTree& tree) {
  const unsigned recursive = tree.recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0U;
  Fd opened = TRY(sys::open_tree(AT_FDCWD, tree.source.c_str(), OPEN_TREE_CLONE | recursive));
  // A clone of a shared mount is shared with the host's: what is mounted below it later would appear there.
  mount_attr slave = {};
  slave.propagation = MS_SLAVE;
  TRY(sys::mount_setattr(opened.get(), "", AT_EMPTY_PATH | recursive, slave));
  if (is_mapped(tree)) TRY(map_ids(tree, opened.get()));
  return opened;
}

class HostTreeStep : public Step {
 public:
  HostTreeStep(HostTree tree, size_t number)
      : Step(Lane::kHost, "open the tree " + printable(tree.source)),
        tree_(std::move(tree)),
        number_(number) {}

  Result<void> perform(StepContext& context) const override {
    Fd tree = TRY(open_host_tree(tree_));
    if (context.trees.size() <= number_) context.trees.resize(number_ + 1);
    context.trees[number_] = std::move(tree);
    return ok();
  }
  std::string say() const override { return say_tree(tree_); }
  std::string shell() const override { return shell_of(tree_); }
  Reason why() const override {
    if (is_mapped(tree_)) {
      return {"files appear with other owners through this mount; nothing on the disk changes",
              "mount_setattr(2)"};
    }
    return {"root of a user namespace may not enter every directory on the way there; the host's root may",
            "open_tree(2)"};
  }

 private:
  HostTree tree_;
  size_t number_;
};

// In the child: lives until the parent closes the pipe.
[[noreturn]] void wait_and_exit(sys::Pipe& pipe) {
  char byte = 0;
  pipe.writer.reset();
  (void)sys::read(pipe.reader.get(), {&byte, 1});
  ::_exit(0);
}

Result<Fd> map_and_open(pid_t pid, const std::string& uids, const std::string& gids) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/";
  TRY(write_kernel_file(directory + "uid_map", uids));
  TRY(write_kernel_file(directory + "gid_map", gids));
  return sys::open((directory + "ns/user").c_str(), O_RDONLY);
}

// A mount namespace, and the caller's root in it.
struct MountView {
  Fd mounts;
  Fd root;
};

Result<MountView> view_of(const std::string& process) {
  MountView view;
  view.mounts = TRY(sys::open(("/proc/" + process + "/ns/mnt").c_str(), O_RDONLY));
  view.root = TRY(sys::open(("/proc/" + process + "/root").c_str(), O_PATH | O_DIRECTORY));
  return view;
}

// setns(2) leaves us at the root of the whole namespace.
Result<void> enter(const MountView& view) {
  TRY(sys::setns(view.mounts.get(), CLONE_NEWNS));
  TRY(sys::fchdir(view.root.get()));
  return sys::chroot(".");
}

// The copy lives as long as the descriptors.
Result<MountView> copy_locked_mounts() {
  sys::Pipe pipe = TRY(sys::pipe2(0));
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // NOLINT: clone3(2) takes pointers as numbers
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = TRY(sys::clone3(arguments));
  if (pid == 0) wait_and_exit(pipe);
  const Fd child(pidfd);
  auto view = view_of(std::to_string(pid));
  pipe.writer.reset();
  TRY(wait_for(child.get()));
  return view;
}

class LockedTrees : public Step {
 public:
  explicit LockedTrees(std::vector<HostTree> trees)
      : Step(Lane::kHost, "open " + std::to_string(trees.size()) + " trees, locked"),
        trees_(std::move(trees)) {}

  Result<void> perform(StepContext& context) const override {
    const MountView own = TRY(view_of("self"));
    const Fd directory = TRY(sys::open(".", O_PATH | O_DIRECTORY));
    const MountView copy = TRY(copy_locked_mounts());
    context.trees.resize(trees_.size());
    auto opened = enter(copy);
    if (opened) opened = open_all(context);
    TRY_IN("return to the host's mounts", enter(own));
    TRY_IN("return to the working directory", sys::fchdir(directory.get()));
    TRY(std::move(opened));
    // The kernel does not show what is below locked mounts: such a tree is opened here.
    for (size_t i = 0; i < trees_.size(); ++i) {
      if (!context.trees[i])
        context.trees[i] = TRY_IN(printable(trees_[i].source), open_host_tree(trees_[i]));
    }
    return ok();
  }
  std::string say() const override {
    std::string text = "clone3(CLONE_NEWUSER|CLONE_NEWNS); setns(CLONE_NEWNS)";
    for (const auto& tree : trees_)
      text += "; " + say_tree(tree);
    return text + "; setns(CLONE_NEWNS)";
  }
  std::string shell() const override {
    std::string lines;
    for (const auto& tree : trees_)
      lines += std::string(lines.empty() ? "" : "\n") + shell_of(tree);
    return lines;
  }
  Reason why() const override {
    return {
        "root of a user namespace may not enter every directory on the way there; and what the host mounted "
        "read-only must stay so for it",
        "mount_namespaces(7)"};
  }

 private:
  Result<void> open_all(StepContext& context) const {
    for (size_t i = 0; i < trees_.size(); ++i) {
      auto tree = open_host_tree(trees_[i]);
      const bool is_later = !tree && tree.error().error_number() == EINVAL && !trees_[i].recursive;
      if (!tree && !is_later) return std::move(tree).error().in(printable(trees_[i].source));
      if (tree) context.trees[i] = std::move(*tree);
    }
    return ok();
  }

  std::vector<HostTree> trees_;
};

}  // namespace

std::optional<uint32_t> host_id_of(const std::vector<IdMap>& maps, uint32_t id) {
  for (const auto& map : maps) {
    if (id >= map.container_id && id - map.container_id < map.size)
      return map.host_id + (id - map.container_id);
  }
  return std::nullopt;
}

std::string id_map_text(const std::vector<IdMap>& maps) {
  std::string text;
  for (const auto& map : maps) {
    text += std::to_string(map.container_id) + " " + std::to_string(map.host_id) + " " +
            std::to_string(map.size) + "\n";
  }
  return text;
}

Result<Fd> make_user_namespace(const std::vector<IdMap>& uid_maps, const std::vector<IdMap>& gid_maps) {
  sys::Pipe pipe = TRY(sys::pipe2(0));
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWUSER | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // NOLINT: clone3(2) takes pointers as numbers
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = TRY(sys::clone3(arguments));
  if (pid == 0) wait_and_exit(pipe);
  const Fd child(pidfd);
  auto user_namespace = map_and_open(pid, id_map_text(uid_maps), id_map_text(gid_maps));
  pipe.writer.reset();
  TRY(wait_for(child.get()));
  return user_namespace;
}

StepPtr host_tree_step(HostTree tree, size_t number) {
  return std::make_unique<HostTreeStep>(std::move(tree), number);
}

StepPtr locked_trees_step(std::vector<HostTree> trees) {
  return std::make_unique<LockedTrees>(std::move(trees));
}

}  // namespace namespaces
