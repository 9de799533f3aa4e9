#include "namespaces/mount_steps.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/copy_up.h"
#include "namespaces/file_system.h"
#include "namespaces/remount_step.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

// Files of procfs that LXCFS and the like replace by their own; everything else of /proc stays the kernel's.
constexpr auto kReplaceableProcFiles = std::to_array<std::string_view>(
    {"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
     "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"});

bool is_procfs(int fd) {
  struct statfs status = {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

std::optional<mode_t> octal(const std::string& text) {
  constexpr mode_t kAll = 07777;
  constexpr int kBase = 8;
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, kBase);
  if (error != std::errc() || end != text.data() + text.size() || mode > kAll) return std::nullopt;
  return mode;
}

// Everything a Mount says, decided before clone; perform only makes system calls.
class MountStep : public Step {
 public:
  MountStep(Mount mount, MountOptions options, std::optional<size_t> tree)
      : Step(Lane::kInit, "mount " + printable(options.bind ? mount.source : mount.type) + " on " +
                              printable(mount.destination)),
        mount_(std::move(mount)),
        options_(std::move(options)),
        tree_(tree) {
    mount_.destination = clean_path(mount_.destination);
    const bool kernel_view = mount_.type == "proc" || mount_.type == "sysfs" || mount_.destination == "/dev";
    symlinks_ = kernel_view ? Symlinks::kRefuse : Symlinks::kInRoot;
    for (const auto& [key, value] : options_.data) {
      if (key == "mode") mode_ = octal(value);
    }
    // A new file system is mounted with its attributes; one that is changed or filled first is writable until
    // then.
    if (options_.bind || tree_ || is_set_later()) return;
    if (mount_.type != "proc") call_ = mount_call(options_);  // it may be opened by another process
    new_attributes_ = std::exchange(options_.set, 0);
    options_.clear = 0;  // a new mount has none
  }

  Result<void> perform(StepContext& context) const override {
    const int root_fd = context.root_fd.get();
    if (options_.copy_symlink && TRY(copied_symlink(root_fd))) return ok();
    if (call_ && TRY(mounted_by_call(root_fd))) return ok();
    const Fd mount = TRY(tree_           ? take_tree(context, *tree_)
                         : options_.bind ? open_bind()
                                         : open_filesystem(context));
    const auto mode = root_mode(root_fd);
    if (!options_.copy_up) {
      if (mode) TRY(set_mode(mount.get(), *mode));
      TRY(apply_attributes(mount.get(), options_));
    }
    TargetType type = TargetType::kDirectory;
    if (options_.bind) {
      const struct stat status = TRY(sys::fstat(mount.get()));
      if (!S_ISDIR(status.st_mode)) type = TargetType::kFile;
    }
    const Fd target = TRY(open_destination(root_fd, type));
    if (options_.copy_up) {
      TRY_IN("tmpcopyup", copy_up(target.get(), mount.get(), mode));
      TRY(apply_attributes(mount.get(), options_));
    }
    return sys::move_mount(mount.get(), target.get());
  }

  std::string say() const override {
    if (call_) return say_call();
    std::string text = options_.bind
                           ? "open_tree(" + mount_.source + ", OPEN_TREE_CLONE" +
                                 (options_.recursive_bind ? "|AT_RECURSIVE)" : ")")
                           : "fsopen(" + mount_.type + "); fsconfig(" + data_text(", ") + "); fsmount(" +
                                 (is_set_later() ? "" : join(mount_.options, ",")) + ")";
    if (has_covered_mode()) text += "; fchmod(<as " + mount_.destination + " has it>)";
    if (!mount_.options.empty() && (options_.bind || is_set_later()))
      text += "; mount_setattr(" + join(mount_.options, ",") + ")";
    return text + "; move_mount(" + mount_.destination + ")";
  }

  std::string shell() const override {
    const std::string target = shell_in_root(mount_.destination);
    if (!options_.bind) {
      return filesystem_shell(target);
    }
    const std::string source = shell_quote(mount_.source);
    std::string lines = "if [ -d " + source + " ]; then mkdir -p " + target + "; else mkdir -p $(dirname " +
                        target + "); [ -e " + target + " ] || : > " + target + "; fi\n";
    lines +=
        std::string("mount ") + (options_.recursive_bind ? "--rbind " : "--bind ") + source + " " + target;
    std::vector<std::string> attributes;
    for (const auto& option : mount_.options) {
      if (option != "bind" && option != "rbind" && !contains(option, "private")) attributes.push_back(option);
    }
    for (auto& attribute : attributes) {
      if (attribute == "rro") attribute = "ro";  // mount(8) of util-linux 2.38 knows only the top mount
    }
    if (!attributes.empty())
      lines += "\nmount -o remount,bind," + shell_quote(join(attributes, ",")) + " " + target;
    return lines;
  }

  Reason why() const override {
    if (options_.bind) return {"shows a file or directory of the host inside", "mount(2)"};
    if (mount_.type == "proc") return {"shows the processes of the container's own pid namespace", "proc(5)"};
    if (mount_.type == "sysfs")
      return {"shows the devices of the container's own network namespace", "sysfs(5)"};
    if (mount_.type == "devpts") return {"gives the container pseudo-terminals that only it sees", "pts(4)"};
    if (mount_.type == "mqueue")
      return {"shows the message queues of its own ipc namespace", "mq_overview(7)"};
    if (mount_.type == "tmpfs") return {"memory-backed files that vanish with the container", "tmpfs(5)"};
    return {"a file system that the spec asks for", "mount(2)"};
  }

 private:
  // As with runc a tmpfs without mode= has the mode of the directory that it covers (/run stays 755).
  bool has_covered_mode() const { return !options_.bind && mount_.type == "tmpfs" && !mode_; }
  bool is_set_later() const { return options_.copy_up || has_covered_mode(); }

  std::string say_call() const {
    const std::string source = mount_.source.empty() ? "NULL" : mount_.source;
    const std::string options = mount_.options.empty() ? "" : ", " + join(mount_.options, ",");
    return "fchdir(" + mount_.destination + "); mount(" + source + ", ., " + mount_.type + options + ")";
  }

  // The mount is read-only, not the file system, of which there may be more mounts: mount(8) needs two calls.
  std::string filesystem_shell(const std::string& target) const {
    std::vector<std::string> options;
    std::string attributes = "remount,bind,ro";
    for (const auto& option : mount_.options) {
      if (option != "ro") options.push_back(option);
      if (option == "nosuid" || option == "nodev" || option == "noexec") attributes += "," + option;
    }
    std::string lines;
    if (has_covered_mode()) lines = "mode=$(stat -c %a " + target + " 2> /dev/null || echo 1777); ";
    lines += "mkdir -p " + target + "; mount -t " + shell_quote(mount_.type);
    const std::string mode = has_covered_mode() ? "mode=$mode" : "";
    if (!options.empty() || !mode.empty()) lines += " -o " + mode;
    if (!options.empty()) lines += (mode.empty() ? "" : ",") + shell_quote(join(options, ","));
    lines += " " + shell_quote(mount_.source.empty() ? mount_.type : mount_.source) + " " + target;
    if (options.size() != mount_.options.size()) lines += "\nmount -o " + attributes + " " + target;
    return lines;
  }

  // Of the covered directory, else the file system's own. nullopt: that of the mount as it is.
  std::optional<mode_t> root_mode(int root_fd) const {
    constexpr mode_t kOwn = 01777;
    if (options_.bind || mount_.type != "tmpfs") return std::nullopt;
    if (mode_) return options_.copy_up ? mode_ : std::nullopt;
    const auto covered = open_in_root(root_fd, mount_.destination, symlinks_);
    struct stat status = {};
    if (!covered || ::fstat(covered->get(), &status) < 0) {
      return options_.copy_up ? std::optional<mode_t>(kOwn) : std::nullopt;
    }
    return status.st_mode & 07777U;
  }

  static Result<void> set_mode(int mount_fd, mode_t mode) {
    const Fd root = TRY(sys::openat(mount_fd, ".", O_RDONLY | O_DIRECTORY));
    return sys::fchmod(root.get(), mode);
  }

  static Result<Fd> take_tree(StepContext& context, size_t number) {
    if (number >= context.trees.size() || !context.trees[number]) return corrupt("the host opened no tree");
    return std::move(context.trees[number]);
  }

  Result<Fd> open_bind() const {
    unsigned flags = OPEN_TREE_CLONE;
    if (options_.recursive_bind) flags |= static_cast<unsigned>(AT_RECURSIVE);
    if (options_.source_nofollow) flags |= static_cast<unsigned>(AT_SYMLINK_NOFOLLOW);
    return sys::open_tree(AT_FDCWD, mount_.source.c_str(), flags);
  }

  // One call and no descriptor for what takes seven by fsopen(2), where nobody needs the mount afterwards.
  // False when it fails, which mount(2) has no words for: the long way fails, too, and says why, or does what
  // is not for a working directory (one that is closed for a user namespace). The working directory stays
  // below the mount: between clone and pivot_root it is nobody's.
  Result<bool> mounted_by_call(int root_fd) const {
    const Fd target = TRY(open_destination(root_fd, TargetType::kDirectory));
    const char* source = mount_.source.empty() ? nullptr : mount_.source.c_str();
    return sys::fchdir(target.get()) &&
           sys::mount(source, ".", mount_.type.c_str(), call_->flags, call_->data.c_str());
  }

  Result<Fd> open_filesystem(StepContext& context) const {
    const bool is_joined = mount_.type == "proc" && !context.proc_filesystems.empty();
    const Fd filesystem = TRY(is_joined ? open_procfs(context) : sys::fsopen(mount_.type.c_str()));
    if (!mount_.source.empty()) TRY(set_parameters(filesystem.get(), {{"source", mount_.source}}));
    Fd mount = TRY(detached_mount(filesystem.get(), options_.data, static_cast<unsigned>(new_attributes_)));
    if (is_joined) TRY(check_procfs(mount.get()));
    return mount;
  }

  Result<Fd> open_destination(int root_fd, TargetType type) const {
    Fd destination = TRY(walk_to_destination(root_fd, type));
    if (!may_cover_procfs() && is_procfs(destination.get()))
      return invalid(printable(mount_.destination) + " leads into /proc, where nothing may be mounted");
    return destination;
  }

  Result<Fd> walk_to_destination(int root_fd, TargetType type) const {
    if (!options_.destination_nofollow) return open_target(root_fd, mount_.destination, type, symlinks_);
    const Parent parent = TRY(open_parent(root_fd, mount_.destination, symlinks_));
    auto itself = sys::openat(parent.directory.get(), parent.name.c_str(), O_PATH | O_NOFOLLOW);
    if (itself) return itself;
    return open_target(root_fd, mount_.destination, type, symlinks_);
  }

  // False for a source that is no symbolic link.
  Result<bool> copied_symlink(int root_fd) const {
    const auto link = sys::readlinkat(AT_FDCWD, mount_.source.c_str());
    if (!link) return false;
    const Parent parent = TRY(open_parent(root_fd, mount_.destination, symlinks_));
    auto made = sys::symlinkat(link->c_str(), parent.directory.get(), parent.name.c_str());
    if (!made && made.error().error_number() != EEXIST) return std::move(made).error();
    if (!made) {
      const auto there = sys::readlinkat(parent.directory.get(), parent.name.c_str());
      if (!there || *there != *link) return conflict(printable(mount_.destination) + " is another file");
    }
    return true;
  }

  bool may_cover_procfs() const {
    if (mount_.type == "proc" && !options_.bind) return true;
    return std::find(kReplaceableProcFiles.begin(), kReplaceableProcFiles.end(), mount_.destination) !=
           kReplaceableProcFiles.end();
  }

  std::string data_text(std::string_view separator) const {
    std::vector<std::string> parts;
    for (const auto& [key, value] : options_.data)
      parts.push_back(value.empty() ? key : key + "=" + value);
    return join(parts, separator);
  }

  Mount mount_;
  MountOptions options_;
  std::optional<size_t> tree_;
  std::optional<MountCall> call_;  // by which it is tried first
  uint64_t new_attributes_ = 0;    // for fsmount(2); options_ has those that are set later
  std::optional<mode_t> mode_;     // mode=
  Symlinks symlinks_ = Symlinks::kInRoot;
};

Result<void> check_destination(const Mount& mount, const MountOptions& options) {
  const std::string destination = clean_path(mount.destination);
  if (mount.destination.empty() || mount.destination.front() != '/') {
    return invalid("mount destination " + printable(mount.destination) + " is not absolute");
  }
  if (destination == "/") return invalid("mount destination can't be \"/\"");
  const bool replaceable = std::find(kReplaceableProcFiles.begin(), kReplaceableProcFiles.end(),
                                     destination) != kReplaceableProcFiles.end();
  const bool is_proc = mount.type == "proc" && !options.bind;
  // Binding the host's whole /proc is what --pid host lab set-ups do; anything else there could redirect our
  // writes.
  const bool host_proc = options.bind && destination == "/proc" && clean_path(mount.source) == "/proc";
  if (is_below(destination, "/proc") && !replaceable && !host_proc && !(is_proc && destination == "/proc")) {
    return invalid("\"" + printable(destination) + "\" cannot be mounted because it is inside /proc");
  }
  return ok();
}

}  // namespace

Result<StepPtr> mount_step(const Mount& mount, std::optional<size_t> tree) {
  MountOptions options = TRY_IN("mount " + printable(mount.destination), parse_mount_options(mount.options));
  if (mount.type == "bind") options.bind = true;
  TRY(check_destination(mount, options));
  if (options.remount) return remount_step(mount, std::move(options));
  if (options.bind && mount.source.empty())
    return invalid("bind mount on " + printable(mount.destination) + " has no source");
  if (!options.bind && mount.type.empty())
    return invalid("mount on " + printable(mount.destination) + " has no type");
  if ((options.idmap || !mount.uid_maps.empty()) && !tree)
    return unsupported("mount on " + printable(mount.destination) + ": only bind mounts can be id-mapped");
  if (options.copy_up && (options.bind || mount.type != "tmpfs"))
    return invalid("mount on " + printable(mount.destination) + ": tmpcopyup is for tmpfs");
  return StepPtr(std::make_unique<MountStep>(mount, std::move(options), tree));
}

}  // namespace namespaces
