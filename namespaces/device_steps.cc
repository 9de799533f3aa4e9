#include "namespaces/device_steps.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/file_system.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

constexpr auto kLinks = std::to_array<std::pair<const char*, const char*>>({
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
});
// Of which the specification says what it must be: terminals of the container's own devpts.
constexpr const char* kPtmx = "/dev/ptmx";
constexpr const char* kPtmxTarget = "pts/ptmx";

char type_letter(mode_t type) {
  return type == S_IFBLK ? 'b' : type == S_IFIFO ? 'p' : 'c';
}

std::string in_base(int base, unsigned number) {
  std::array<char, 16> text = {};
  return {text.data(), std::to_chars(text.begin(), text.end(), number, base).ptr};
}

std::string say_nodes(const std::vector<DeviceNode>& nodes, const char* call) {
  std::string text;
  for (const auto& node : nodes) {
    if (!text.empty()) text += "; ";
    text += std::string(call) + "(" + node.path + ", " + type_letter(node.type) + " " +
            std::to_string(node.major) + ":" + std::to_string(node.minor) + ")";
  }
  return text;
}

Result<void> make_file(int directory_fd, const char* name, const DeviceNode& node) {
  return sys::mknodat(directory_fd, name, node.type | node.permissions, makedev(node.major, node.minor));
}

Result<void> give_file(int directory_fd, const char* name, const DeviceNode& node) {
  if (node.uid == 0 && node.gid == 0) return ok();
  return sys::fchownat(directory_fd, name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW);
}

bool is_node(const struct stat& status, const DeviceNode& node) {
  return (status.st_mode & S_IFMT) == node.type && status.st_rdev == makedev(node.major, node.minor);
}

// Whoever may not mknod(2), inside of a container without that capability say, can bind what its own /dev
// has.
bool may_not(const Result<void>& made) {
  return !made && made.error().error_number() == EPERM;
}
Result<Fd> clone_own_node(const DeviceNode& node) {
  Fd tree = TRY(sys::open_tree(AT_FDCWD, node.path.c_str(), OPEN_TREE_CLONE));
  if (!is_node(TRY(sys::fstat(tree.get())), node)) return conflict("is another file here");
  return tree;
}
Result<void> bind_over(int root_fd, const std::string& path, int tree_fd) {
  const Fd target = TRY(open_target(root_fd, path, TargetType::kFile, Symlinks::kRefuse));
  return sys::move_mount(tree_fd, target.get());
}

// What nodes[number] is called on the host's tmpfs.
std::string host_name(size_t number) {
  return std::to_string(number);
}

class HostNodes : public Step {
 public:
  HostNodes(std::vector<DeviceNode> nodes, size_t number, std::string label)
      : Step(Lane::kHost, "make " + std::to_string(nodes.size()) + " device nodes for the user namespace"),
        nodes_(std::move(nodes)),
        number_(number),
        label_(std::move(label)) {}

  Result<void> perform(StepContext& context) const override {
    const Fd filesystem = TRY(sys::fsopen("tmpfs"));
    Parameters parameters = {{"source", "tmpfs"}, {"mode", "755"}};
    if (!label_.empty()) parameters.emplace_back("context", label_);
    Fd tree = TRY(detached_mount(filesystem.get(), parameters, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    const mode_t mask = ::umask(0);
    auto made = make_all(tree.get());
    ::umask(mask);
    TRY(std::move(made));
    if (context.trees.size() <= number_) context.trees.resize(number_ + 1);
    context.trees[number_] = std::move(tree);
    return ok();
  }
  std::string say() const override {
    return "fsopen(tmpfs); fsmount(MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC); " + say_nodes(nodes_, "mknodat");
  }
  std::string shell() const override {
    return "# (vial makes the device nodes on a tmpfs of its own; below, the host's are bound where they are "
           "the same)";
  }
  Reason why() const override {
    return {"root of a user namespace can make no device node that can be opened; the host's root can",
            "user_namespaces(7)"};
  }

 private:
  Result<void> make_all(int directory_fd) const {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      auto made = make_file(directory_fd, host_name(i).c_str(), nodes_[i]);
      if (may_not(made) && clone_own_node(nodes_[i])) continue;  // the init finds none, and binds that
      if (made) made = give_file(directory_fd, host_name(i).c_str(), nodes_[i]);
      TRY_IN(nodes_[i].path, std::move(made));
    }
    return ok();
  }

  std::vector<DeviceNode> nodes_;
  size_t number_;
  std::string label_;
};

class DeviceNodes : public Step {
 public:
  DeviceNodes(std::vector<DeviceNode> nodes, std::optional<size_t> tree)
      : Step(Lane::kInit,
             nodes.empty() ? "look at /dev/null" : "make " + std::to_string(nodes.size()) + " device nodes"),
        nodes_(std::move(nodes)),
        tree_(tree) {}

  Result<void> perform(StepContext& context) const override {
    TRY(tree_ ? bind_nodes(context, *tree_) : make_nodes(context.root_fd.get()));
    context.null_fd = TRY(open_in_root(context.root_fd.get(), "/dev/null", Symlinks::kRefuse));
    const struct stat status = TRY(sys::fstat(context.null_fd.get()));
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
      return corrupt("/dev/null is not the null device");
    return ok();
  }

  std::string say() const override {
    return nodes_.empty() ? "openat2(/dev/null)" : say_nodes(nodes_, tree_ ? "bind" : "mknodat");
  }
  std::string shell() const override {
    std::string lines = nodes_.empty() ? "[ -c " + shell_in_root("/dev/null") + " ]" : "";
    std::string directory = "/dev";
    for (const auto& node : nodes_) {
      const std::string own = node.path.substr(0, node.path.rfind('/'));
      if (own != "/dev" && own != directory) lines += "mkdir -p " + shell_in_root(own) + "\n";
      directory = own;
      lines += node_shell(node) + "\n";
    }
    return std::string(trim(lines));
  }
  Reason why() const override {
    return {"only these devices exist inside; the host's /dev would give the disks away", "mknod(2)"};
  }

 private:
  Result<void> make_nodes(int root_fd) const {
    Parent parent;  // of the last node: nearly all are in the same directory
    std::string_view directory;
    for (const auto& node : nodes_) {
      const size_t begin = node.path.rfind('/') + 1;
      const std::string_view name = std::string_view(node.path).substr(begin);
      const bool is_plain = !name.empty() && name != "." && name != "..";
      if (is_plain && begin > 0 && directory == std::string_view(node.path).substr(0, begin)) {
        parent.name = name;
      } else {
        parent = TRY_IN(node.path, open_parent(root_fd, node.path, Symlinks::kRefuse));
        directory = std::string_view(node.path).substr(0, is_plain ? begin : 0);
      }
      TRY_IN(node.path, make_node(root_fd, parent, node));
    }
    return ok();
  }

  static Result<void> make_node(int root_fd, const Parent& parent, const DeviceNode& node) {
    const char* name = parent.name.c_str();
    auto made = make_file(parent.directory.get(), name, node);
    if (may_not(made)) {
      if (const auto own = clone_own_node(node)) return bind_over(root_fd, node.path, own->get());
    }
    if (!made && made.error().error_number() != EEXIST) return made;
    if (!made) {
      const struct stat status = TRY(sys::fstatat(parent.directory.get(), name, AT_SYMLINK_NOFOLLOW));
      if (!is_node(status, node)) return conflict("is in the image already and is another file");
      return ok();  // its owner stays: it may be the host's, in a directory that is bound there
    }
    return give_file(parent.directory.get(), name, node);
  }

  // Before Linux 6.15 only what is attached can be cloned: the tmpfs covers the root meanwhile, in which the
  // paths are looked up from its descriptor, below the tmpfs.
  Result<void> bind_nodes(StepContext& context, size_t number) const {
    const int root_fd = context.root_fd.get();
    const Fd tree = std::move(context.trees[number]);
    TRY(sys::move_mount(tree.get(), root_fd));
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const DeviceNode& node = nodes_[i];
      auto made = sys::open_tree(tree.get(), host_name(i).c_str(), OPEN_TREE_CLONE);
      if (!made && made.error().error_number() == ENOENT) made = clone_own_node(node);
      const Fd clone = TRY_IN(node.path, std::move(made));
      TRY_IN(node.path, bind_over(root_fd, node.path, clone.get()));
    }
    TRY(sys::fchdir(tree.get()));
    return sys::umount2(".", MNT_DETACH);
  }

  std::string node_shell(const DeviceNode& node) const {
    if (tree_ && node.type != S_IFIFO)
      return "[ \"$(stat -c %t:%T " + shell_quote(node.path) + ")\" = " + in_base(16, node.major) + ":" +
             in_base(16, node.minor) +
             " ] || exit 1  # another device than the host's: this script can't make it\n: > " +
             shell_in_root(node.path) + "; mount --bind " + shell_quote(node.path) + " " +
             shell_in_root(node.path);
    std::string line = "[ -e " + shell_in_root(node.path) + " ] || mknod -m " + in_base(8, node.permissions) +
                       " " + shell_in_root(node.path) + " " + type_letter(node.type);
    if (node.type != S_IFIFO) line += " " + std::to_string(node.major) + " " + std::to_string(node.minor);
    if (node.uid == 0 && node.gid == 0) return line;
    return line + "\nchown " + std::to_string(node.uid) + ":" + std::to_string(node.gid) + " " +
           shell_in_root(node.path);
  }

  std::vector<DeviceNode> nodes_;
  std::optional<size_t> tree_;
};

const char* name_of(const char* path) {
  return path + std::string_view("/dev/").size();
}

class DeviceLinks : public Step {
 public:
  DeviceLinks() : Step(Lane::kInit, "link /dev/fd, stdin, stdout, stderr, ptmx") {}
  Result<void> perform(StepContext& context) const override {
    const Parent parent = TRY(open_parent(context.root_fd.get(), kPtmx, Symlinks::kRefuse));
    for (const auto& [path, target] : kLinks) {
      auto made = sys::symlinkat(target, parent.directory.get(), name_of(path));
      if (!made && made.error().error_number() != EEXIST) return made;
    }
    return link_ptmx(parent.directory.get());
  }
  std::string say() const override {
    std::string text;
    for (const auto& [path, target] : kLinks)
      text += std::string("symlink(") + target + ", " + path + "); ";
    return text + "symlink(" + kPtmxTarget + ", " + kPtmx + ")";
  }
  std::string shell() const override {
    std::string lines;
    for (const auto& [path, target] : kLinks)
      lines += "[ -e " + shell_in_root(path) + " ] || ln -sf " + target + " " + shell_in_root(path) + "\n";
    const std::string ptmx = shell_in_root(kPtmx);
    const std::string link = "ln -sfn " + std::string(kPtmxTarget) + " " + ptmx;
    return lines + "rmdir " + ptmx + " 2> /dev/null || [ -L " + ptmx + " ] || [ ! -d " + ptmx +
           " ] || exit 1\n" + link;
  }
  Reason why() const override {
    return {"programs open their standard streams and terminals by these names", "fd(4)"};
  }

 private:
  // What an image has there may be anything; it gives way.
  Result<void> link_ptmx(int directory_fd) const {
    const char* name = name_of(kPtmx);
    auto made = sys::symlinkat(kPtmxTarget, directory_fd, name);
    if (made || made.error().error_number() != EEXIST) return made;
    const auto target = sys::readlinkat(directory_fd, name);
    if (target && *target == kPtmxTarget) return ok();
    auto removed = sys::unlinkat(directory_fd, name, 0);
    if (!removed && removed.error().error_number() == EISDIR)
      removed = sys::unlinkat(directory_fd, name, AT_REMOVEDIR);
    TRY_IN("what the image has as /dev/ptmx", std::move(removed));
    return sys::symlinkat(kPtmxTarget, directory_fd, name);
  }
};

}  // namespace

std::vector<DeviceNode> default_device_nodes() {
  return {{"/dev/null", S_IFCHR, 1, 3},   {"/dev/zero", S_IFCHR, 1, 5},    {"/dev/full", S_IFCHR, 1, 7},
          {"/dev/random", S_IFCHR, 1, 8}, {"/dev/urandom", S_IFCHR, 1, 9}, {"/dev/tty", S_IFCHR, 5, 0}};
}

StepPtr host_nodes_step(std::vector<DeviceNode> nodes, size_t number, const std::string& label) {
  return std::make_unique<HostNodes>(std::move(nodes), number, label);
}
StepPtr device_nodes_step(std::vector<DeviceNode> nodes, std::optional<size_t> tree) {
  return std::make_unique<DeviceNodes>(std::move(nodes), tree);
}
StepPtr device_links_step() {
  return std::make_unique<DeviceLinks>();
}

}  // namespace namespaces
