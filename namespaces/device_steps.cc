#include "namespaces/device_steps.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
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

std::string octal(mode_t mode) {
  std::string text;
  for (unsigned rest = mode; rest != 0; rest /= 8)
    text.insert(text.begin(), static_cast<char>('0' + rest % 8));
  return text.empty() ? "0" : text;
}

class DeviceNodes : public Step {
 public:
  DeviceNodes(std::vector<DeviceNode> nodes, bool bind)
      : Step(Lane::kInit,
             nodes.empty() ? "look at /dev/null" : "make " + std::to_string(nodes.size()) + " device nodes"),
        nodes_(std::move(nodes)),
        bind_(bind) {}

  Result<void> perform(StepContext& context) const override {
    Parent parent;  // of the last node: nearly all are in the same directory
    std::string_view directory;
    for (const auto& node : nodes_) {
      if (bind_) {
        TRY_IN(node.path, bind_node(context.root_fd.get(), node));
        continue;
      }
      const size_t begin = node.path.rfind('/') + 1;
      const std::string_view name = std::string_view(node.path).substr(begin);
      const bool is_plain = !name.empty() && name != "." && name != "..";
      if (is_plain && begin > 0 && directory == std::string_view(node.path).substr(0, begin)) {
        parent.name = name;
      } else {
        parent = TRY_IN(node.path, open_parent(context.root_fd.get(), node.path, Symlinks::kRefuse));
        directory = std::string_view(node.path).substr(0, is_plain ? begin : 0);
      }
      TRY_IN(node.path, make_node(parent, node));
    }
    context.null_fd = TRY(open_in_root(context.root_fd.get(), "/dev/null", Symlinks::kRefuse));
    const struct stat status = TRY(sys::fstat(context.null_fd.get()));
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
      return corrupt("/dev/null is not the null device");
    return ok();
  }

  std::string say() const override {
    std::string text = nodes_.empty() ? "openat2(/dev/null)" : "";
    for (const auto& node : nodes_) {
      if (!text.empty()) text += "; ";
      text += (bind_ ? "bind(" : "mknodat(") + node.path + ", " + type_letter(node.type) + " " +
              std::to_string(node.major) + ":" + std::to_string(node.minor) + ")";
    }
    return text;
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
  static Result<void> make_node(const Parent& parent, const DeviceNode& node) {
    const char* name = parent.name.c_str();
    const dev_t device = makedev(node.major, node.minor);
    auto made = sys::mknodat(parent.directory.get(), name, node.type | node.permissions, device);
    if (!made && made.error().error_number() != EEXIST) return made;
    if (!made) {
      const struct stat status = TRY(sys::fstatat(parent.directory.get(), name, AT_SYMLINK_NOFOLLOW));
      if ((status.st_mode & S_IFMT) != node.type || status.st_rdev != device) {
        return conflict("is in the image already and is another file");
      }
      return ok();  // its owner stays: it may be the host's, in a directory that is bound there
    }
    if (node.uid == 0 && node.gid == 0) return ok();
    return sys::fchownat(parent.directory.get(), name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW);
  }

  static Result<void> bind_node(int root_fd, const DeviceNode& node) {
    const Fd tree = TRY(sys::open_tree(AT_FDCWD, node.path.c_str(), OPEN_TREE_CLONE));
    const Fd target = TRY(open_target(root_fd, node.path, TargetType::kFile, Symlinks::kRefuse));
    return sys::move_mount(tree.get(), target.get());
  }

  std::string node_shell(const DeviceNode& node) const {
    if (bind_)
      return ": > " + shell_in_root(node.path) + "; mount --bind " + shell_quote(node.path) + " " +
             shell_in_root(node.path);
    std::string line = "[ -e " + shell_in_root(node.path) + " ] || mknod -m " + octal(node.permissions) +
                       " " + shell_in_root(node.path) + " " + type_letter(node.type);
    if (node.type != S_IFIFO) line += " " + std::to_string(node.major) + " " + std::to_string(node.minor);
    if (node.uid == 0 && node.gid == 0) return line;
    return line + "\nchown " + std::to_string(node.uid) + ":" + std::to_string(node.gid) + " " +
           shell_in_root(node.path);
  }

  std::vector<DeviceNode> nodes_;
  bool bind_;
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

StepPtr device_nodes_step(std::vector<DeviceNode> nodes, bool bind) {
  return std::make_unique<DeviceNodes>(std::move(nodes), bind);
}
StepPtr device_links_step() {
  return std::make_unique<DeviceLinks>();
}

}  // namespace namespaces
