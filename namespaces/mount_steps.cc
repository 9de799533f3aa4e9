#include "namespaces/mount_steps.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
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

std::string root_path(const std::string& destination) {
  return "\"$ROOT\"" + shell_quote(destination);
}

// Everything a Mount says, decided before clone; perform only makes system calls.
class MountStep : public Step {
 public:
  MountStep(Mount mount, MountOptions options)
      : Step(Lane::kInit, "mount " + printable(options.bind ? mount.source : mount.type) + " on " +
                              printable(mount.destination)),
        mount_(std::move(mount)),
        options_(std::move(options)) {
    mount_.destination = clean_path(mount_.destination);
    const bool kernel_view = mount_.type == "proc" || mount_.type == "sysfs" || mount_.destination == "/dev";
    symlinks_ = kernel_view ? Symlinks::kRefuse : Symlinks::kInRoot;
  }

  Result<void> perform(StepContext& context) const override {
    const Fd mount = TRY(options_.bind ? open_bind() : open_filesystem());
    TRY(apply_attributes(mount.get()));
    TargetType type = TargetType::kDirectory;
    if (options_.bind && !S_ISDIR(TRY(sys::fstat(mount.get())).st_mode)) type = TargetType::kFile;
    const Fd target = TRY(open_target(context.root_fd.get(), mount_.destination, type, symlinks_));
    if (is_procfs(target.get()) && !may_cover_procfs()) {
      return invalid(printable(mount_.destination) + " leads into /proc, where nothing may be mounted");
    }
    TRY(sys::move_mount(mount.get(), target.get()));
    return ok();
  }

  std::string say() const override {
    std::string text = options_.bind
                           ? "open_tree(" + mount_.source + ", OPEN_TREE_CLONE" +
                                 (options_.recursive_bind ? "|AT_RECURSIVE)" : ")")
                           : "fsopen(" + mount_.type + "); fsconfig(" + data_text(", ") + "); fsmount()";
    if (!mount_.options.empty()) text += "; mount_setattr(" + join(mount_.options, ",") + ")";
    return text + "; move_mount(" + mount_.destination + ")";
  }

  std::string shell() const override {
    const std::string target = root_path(mount_.destination);
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
  // The mount is read-only, not the file system, of which there may be more mounts: mount(8) needs two calls.
  std::string filesystem_shell(const std::string& target) const {
    std::vector<std::string> options;
    std::string attributes = "remount,bind,ro";
    for (const auto& option : mount_.options) {
      if (option != "ro") options.push_back(option);
      if (option == "nosuid" || option == "nodev" || option == "noexec") attributes += "," + option;
    }
    std::string lines = "mkdir -p " + target + "; mount -t " + shell_quote(mount_.type);
    if (!options.empty()) lines += " -o " + shell_quote(join(options, ","));
    lines += " " + shell_quote(mount_.source.empty() ? mount_.type : mount_.source) + " " + target;
    if (options.size() != mount_.options.size()) lines += "\nmount -o " + attributes + " " + target;
    return lines;
  }

  Result<Fd> open_bind() const {
    const unsigned recursive = options_.recursive_bind ? static_cast<unsigned>(AT_RECURSIVE) : 0U;
    return sys::open_tree(AT_FDCWD, mount_.source.c_str(), OPEN_TREE_CLONE | recursive);
  }

  Result<Fd> open_filesystem() const {
    const Fd filesystem = TRY(sys::fsopen(mount_.type.c_str()));
    if (!mount_.source.empty()) TRY(sys::fsconfig_string(filesystem.get(), "source", mount_.source.c_str()));
    for (const auto& [key, value] : options_.data) {
      if (value.empty()) {
        TRY(sys::fsconfig_flag(filesystem.get(), key.c_str()));
      } else {
        TRY(sys::fsconfig_string(filesystem.get(), key.c_str(), value.c_str()));
      }
    }
    TRY(sys::fsconfig_create(filesystem.get()));
    return sys::fsmount(filesystem.get(), 0);
  }

  Result<void> apply_attributes(int mount_fd) const {
    mount_attr attributes = {};
    attributes.attr_set = options_.set;
    attributes.attr_clr = options_.clear;
    if ((options_.propagation & MS_REC) == 0) attributes.propagation = options_.propagation;
    if (attributes.attr_set != 0 || attributes.attr_clr != 0 || attributes.propagation != 0) {
      TRY(sys::mount_setattr(mount_fd, "", AT_EMPTY_PATH, attributes));
    }
    mount_attr recursive = {};
    recursive.attr_set = options_.recursive_set;
    recursive.attr_clr = options_.recursive_clear;
    if ((options_.propagation & MS_REC) != 0)
      recursive.propagation = options_.propagation & ~static_cast<unsigned long>(MS_REC);
    if (recursive.attr_set != 0 || recursive.attr_clr != 0 || recursive.propagation != 0) {
      TRY(sys::mount_setattr(mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, recursive));
    }
    return ok();
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

Result<StepPtr> mount_step(const Mount& mount) {
  MountOptions options = TRY_IN("mount " + printable(mount.destination), parse_mount_options(mount.options));
  if (mount.type == "bind") options.bind = true;
  TRY(check_destination(mount, options));
  if (options.bind && mount.source.empty())
    return invalid("bind mount on " + printable(mount.destination) + " has no source");
  if (!options.bind && mount.type.empty())
    return invalid("mount on " + printable(mount.destination) + " has no type");
  if (options.idmap || options.copy_up) {
    return unsupported("mount option idmap/tmpcopyup on " + printable(mount.destination) +
                       " is not supported yet");
  }
  return StepPtr(std::make_unique<MountStep>(mount, std::move(options)));
}

}  // namespace namespaces
