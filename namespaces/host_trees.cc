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

class HostTreeStep : public Step {
 public:
  HostTreeStep(HostTree tree, size_t number)
      : Step(Lane::kHost, "open the tree " + printable(tree.source)),
        tree_(std::move(tree)),
        number_(number) {}

  Result<void> perform(StepContext& context) const override {
    const unsigned recursive = tree_.recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0U;
    Fd tree = TRY(sys::open_tree(AT_FDCWD, tree_.source.c_str(), OPEN_TREE_CLONE | recursive));
    // A clone of a shared mount is shared with the host's: what is mounted below it later would appear there.
    mount_attr slave = {};
    slave.propagation = MS_SLAVE;
    TRY(sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH | recursive, slave));
    if (is_mapped()) TRY(map_ids(tree.get()));
    if (context.trees.size() <= number_) context.trees.resize(number_ + 1);
    context.trees[number_] = std::move(tree);
    return ok();
  }
  std::string say() const override {
    std::string text = "open_tree(" + tree_.source + ", OPEN_TREE_CLONE" +
                       (tree_.recursive ? "|AT_RECURSIVE)" : ")") + "; mount_setattr(MS_SLAVE)";
    if (is_mapped()) text += "; mount_setattr(MOUNT_ATTR_IDMAP, " + maps() + ")";
    return text;
  }
  std::string shell() const override {
    return "# " + printable(tree_.source) +
           (is_mapped() ? ": mount(8) of util-linux 2.39 has -o X-mount.idmap=" + maps()
                        : " is bound below, by the host's root");
  }
  Reason why() const override {
    if (is_mapped()) {
      return {"files appear with other owners through this mount; nothing on the disk changes",
              "mount_setattr(2)"};
    }
    return {"root of a user namespace may not enter every directory on the way there; the host's root may",
            "open_tree(2)"};
  }

 private:
  bool is_mapped() const { return !tree_.uid_maps.empty() || !tree_.user_namespace.empty(); }

  std::string maps() const {
    if (!tree_.user_namespace.empty()) return tree_.user_namespace;
    std::string text;
    for (const auto& map : tree_.uid_maps) {
      text += (text.empty() ? "" : " ") + std::to_string(map.container_id) + ":" +
              std::to_string(map.host_id) + ":" + std::to_string(map.size);
    }
    return text;
  }

  Result<void> map_ids(int tree_fd) const {
    const Fd user_namespace =
        TRY(tree_.user_namespace.empty() ? make_user_namespace(tree_.uid_maps, tree_.gid_maps)
                                         : sys::open(tree_.user_namespace.c_str(), O_RDONLY));
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<uint64_t>(user_namespace.get());
    const unsigned recursive = tree_.map_recursively ? static_cast<unsigned>(AT_RECURSIVE) : 0U;
    auto mapped = sys::mount_setattr(tree_fd, "", AT_EMPTY_PATH | recursive, attributes);
    if (!mapped && mapped.error().error_number() == EINVAL) {
      return unsupported("the file system of " + printable(tree_.source) +
                         " can't be id-mapped on this kernel" +
                         (tree_.map_recursively ? ", or one that is mounted below it" : ""));
    }
    return mapped;
  }

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

}  // namespace

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

}  // namespace namespaces
