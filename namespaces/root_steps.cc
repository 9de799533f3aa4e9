// The steps around the mounts: isolating the mount tree, opening the rootfs, entering it.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/mount_steps.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

class IsolatePropagation : public Step {
 public:
  explicit IsolatePropagation(bool slave)
      : Step(Lane::kInit, slave ? "make mounts slave" : "make mounts private"), slave_(slave) {}

  Result<void> perform(StepContext& /*context*/) const override {
    return sys::mount(nullptr, "/", nullptr, MS_REC | (slave_ ? MS_SLAVE : MS_PRIVATE), nullptr);
  }
  std::string say() const override {
    return std::string("mount(NULL, /, NULL, MS_REC|") + (slave_ ? "MS_SLAVE)" : "MS_PRIVATE)");
  }
  std::string shell() const override { return slave_ ? "mount --make-rslave /" : "mount --make-rprivate /"; }
  Reason why() const override {
    return {
        "a copy of the mount tree still shares its events: without this, what follows would appear on the "
        "host",
        "mount_namespaces(7)"};
  }

 private:
  bool slave_;
};

class OpenRoot : public Step {
 public:
  OpenRoot(std::string path, bool is_mount)
      : Step(Lane::kInit, "open the rootfs"), path_(std::move(path)), is_mount_(is_mount) {}

  Result<void> perform(StepContext& context) const override {
    if (!is_mount_) {
      const Fd tree = TRY(sys::open_tree(AT_FDCWD, path_.c_str(), OPEN_TREE_CLONE | AT_RECURSIVE));
      const Fd target = TRY(sys::open(path_.c_str(), O_PATH | O_DIRECTORY));
      TRY(sys::move_mount(tree.get(), target.get()));
    }
    context.root_fd = TRY(sys::open(path_.c_str(), O_PATH | O_DIRECTORY));
    return ok();
  }
  std::string say() const override {
    const std::string open = "open(" + path_ + ", O_PATH)";
    return is_mount_
               ? open
               : "open_tree(" + path_ + ", OPEN_TREE_CLONE|AT_RECURSIVE); move_mount(" + path_ + "); " + open;
  }
  std::string shell() const override {
    const std::string root = "ROOT=" + shell_quote(path_);
    return is_mount_ ? root : root + "\nmount --rbind \"$ROOT\" \"$ROOT\"";
  }
  Reason why() const override {
    return {
        "everything below is resolved from this descriptor, so that no link of the image leads to the host; "
        "pivot_root wants a mount point",
        "openat2(2)"};
  }

 private:
  std::string path_;
  bool is_mount_;
};

class OpenProcfs : public Step {
 public:
  OpenProcfs() : Step(Lane::kInit, "open a private procfs") {}

  Result<void> perform(StepContext& context) const override {
    const Fd filesystem = TRY(sys::fsopen("proc"));
    TRY(sys::fsconfig_create(filesystem.get()));
    context.proc_fd =
        TRY(sys::fsmount(filesystem.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    return ok();
  }
  std::string say() const override { return "fsopen(proc); fsconfig(create); fsmount()"; }
  std::string shell() const override { return "# (shell writes to /proc by path)"; }
  Reason why() const override {
    return {"sysctls are written through a procfs that is mounted nowhere: nothing can be mounted over it",
            "fsmount(2)"};
  }
};

class CgroupView : public Step {
 public:
  CgroupView(std::string destination, std::vector<CgroupBind> binds,
             std::vector<std::pair<std::string, std::string>> links, bool read_only)
      : Step(Lane::kInit, "show the container its cgroups"),
        destination_(clean_path(destination)),
        binds_(std::move(binds)),
        links_(std::move(links)),
        read_only_(read_only) {
    needs_tmpfs_ = binds_.size() != 1 || binds_[0].container_path != destination_;
  }

  Result<void> perform(StepContext& context) const override {
    if (!needs_tmpfs_) return bind(context.root_fd.get(), binds_[0]);
    const Fd filesystem = TRY(sys::fsopen("tmpfs"));
    TRY(sys::fsconfig_string(filesystem.get(), "mode", "755"));
    TRY(sys::fsconfig_string(filesystem.get(), "size", "65536"));
    TRY(sys::fsconfig_create(filesystem.get()));
    const Fd mount = TRY(sys::fsmount(filesystem.get(), kAttributes));
    const Fd target =
        TRY(open_target(context.root_fd.get(), destination_, TargetType::kDirectory, Symlinks::kRefuse));
    TRY(sys::move_mount(mount.get(), target.get()));
    for (const auto& entry : binds_)
      TRY_IN(entry.container_path, bind(context.root_fd.get(), entry));
    for (const auto& [name, link] : links_)
      TRY(sys::symlinkat(link.c_str(), mount.get(), name.c_str()));
    if (!read_only_) return ok();
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    return sys::mount_setattr(mount.get(), "", AT_EMPTY_PATH, attributes);
  }

  std::string say() const override {
    std::string text = needs_tmpfs_ ? "fsmount(tmpfs); " : "";
    for (const auto& entry : binds_) {
      text += "open_tree(" + entry.host_path + "); move_mount(" + entry.container_path + "); ";
    }
    return text + (read_only_ ? "mount_setattr(MOUNT_ATTR_RDONLY)" : "");
  }

  std::string shell() const override {
    std::string lines;
    if (needs_tmpfs_)
      lines = "mount -t tmpfs -o nosuid,nodev,noexec,mode=755,size=65536 tmpfs " + at(destination_) + "\n";
    for (const auto& entry : binds_) {
      const std::string target = at(entry.container_path);
      lines += "mkdir -p " + target + "; mount --bind " + shell_quote(entry.host_path) + " " + target + "\n";
      lines += "mount -o remount,bind,nosuid,nodev,noexec" + std::string(read_only_ ? ",ro " : " ") + target +
               "\n";
    }
    for (const auto& [name, link] : links_)
      lines += "ln -s " + link + " " + at(destination_ + "/" + name) + "\n";
    if (read_only_ && needs_tmpfs_)
      lines += "mount -o remount,bind,ro,nosuid,nodev,noexec " + at(destination_) + "\n";
    if (!lines.empty()) lines.pop_back();
    return lines;
  }

  Reason why() const override {
    return {"programs read their limits here; read-only, so that they can't lift them", "cgroups(7)"};
  }

 private:
  static constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  static std::string at(const std::string& path) { return "\"$ROOT\"" + shell_quote(path); }

  Result<void> bind(int root_fd, const CgroupBind& entry) const {
    const Fd tree = TRY(sys::open_tree(AT_FDCWD, entry.host_path.c_str(), OPEN_TREE_CLONE));
    mount_attr attributes = {};
    attributes.attr_set = kAttributes | (read_only_ ? static_cast<unsigned>(MOUNT_ATTR_RDONLY) : 0U);
    TRY(sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH, attributes));
    const Fd target =
        TRY(open_target(root_fd, entry.container_path, TargetType::kDirectory, Symlinks::kRefuse));
    return sys::move_mount(tree.get(), target.get());
  }

  std::string destination_;
  std::vector<CgroupBind> binds_;
  std::vector<std::pair<std::string, std::string>> links_;
  bool read_only_;
  bool needs_tmpfs_ = false;
};

class PivotRoot : public Step {
 public:
  explicit PivotRoot(std::string propagation)
      : Step(Lane::kInit, "pivot into the rootfs"), propagation_(std::move(propagation)) {}

  Result<void> perform(StepContext& context) const override {
    // pivot_root(2), "pivot_root(".", ".")": both roots are stacked on the same directory; "." is then the
    // old one.
    TRY(sys::fchdir(context.root_fd.get()));
    TRY(sys::pivot_root(".", "."));
    TRY(sys::umount2(".", MNT_DETACH));
    TRY(sys::chdir("/"));
    if (propagation_.empty()) return ok();
    mount_attr attributes = {};
    const bool recursive = propagation_.front() == 'r';
    const std::string_view kind = std::string_view(propagation_).substr(recursive ? 1 : 0);
    attributes.propagation = kind == "shared"       ? MS_SHARED
                             : kind == "slave"      ? MS_SLAVE
                             : kind == "unbindable" ? MS_UNBINDABLE
                                                    : MS_PRIVATE;
    return sys::mount_setattr(AT_FDCWD, "/", recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0U,
                              attributes);
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

}  // namespace

StepPtr isolate_propagation_step(const std::string& propagation) {
  const bool slave = contains(propagation, "slave") || contains(propagation, "shared");
  return std::make_unique<IsolatePropagation>(slave);
}

StepPtr open_root_step(const std::string& path, bool is_mount) {
  return std::make_unique<OpenRoot>(path, is_mount);
}

StepPtr open_procfs_step() {
  return std::make_unique<OpenProcfs>();
}

StepPtr cgroup_view_step(const std::string& destination, std::vector<CgroupBind> binds,
                         std::vector<std::pair<std::string, std::string>> links, bool read_only) {
  return std::make_unique<CgroupView>(destination, std::move(binds), std::move(links), read_only);
}

StepPtr pivot_root_step(const std::string& propagation) {
  return std::make_unique<PivotRoot>(propagation);
}

}  // namespace namespaces
