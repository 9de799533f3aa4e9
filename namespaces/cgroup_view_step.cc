// What a container sees as /sys/fs/cgroup.
#include <fcntl.h>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/file_system.h"
#include "namespaces/mount_steps.h"
#include "namespaces/rootfs.h"

namespace namespaces {
namespace {

class CgroupView : public Step {
 public:
  CgroupView(const std::string& destination, std::vector<CgroupBind> binds,
             std::vector<std::pair<std::string, std::string>> links, bool read_only)
      : Step(Lane::kInit, "show the container its cgroups"),
        destination_(clean_path(destination)),
        binds_(std::move(binds)),
        links_(std::move(links)),
        read_only_(read_only) {
    needs_tmpfs_ = binds_.size() != 1 || binds_[0].container_path != destination_;
  }

  Result<void> perform(StepContext& context) const override {
    if (!needs_tmpfs_) return bind(context.root_fd.get(), binds_[0].container_path, binds_[0].host_path);
    const Fd filesystem = TRY(sys::fsopen("tmpfs"));
    const Fd mount = TRY(detached_mount(filesystem.get(), {{"mode", "755"}, {"size", "65536"}}, kAttributes));
    const Fd target =
        TRY(open_target(context.root_fd.get(), destination_, TargetType::kDirectory, Symlinks::kRefuse));
    TRY(sys::move_mount(mount.get(), target.get()));
    TRY(sys::fchdir(mount.get()));
    for (const auto& entry : binds_)
      TRY_IN(entry.container_path, bind_below(entry));
    for (const auto& [name, link] : links_)
      TRY(sys::symlinkat(link.c_str(), mount.get(), name.c_str()));
    // Last, and for all of them at once.
    return sys::mount_setattr(mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, attributes());
  }

  std::string say() const override {
    std::string text = needs_tmpfs_ ? "fsmount(tmpfs); " : "";
    for (const auto& entry : binds_) {
      if (needs_tmpfs_) {
        text += "mkdir(" + entry.container_path + "); mount(" + entry.host_path + ", " +
                entry.container_path + ", MS_BIND); ";
      } else {
        text += "open_tree(" + entry.host_path + "); move_mount(" + entry.container_path + "); ";
      }
    }
    return text + "mount_setattr(" + (read_only_ ? "MOUNT_ATTR_RDONLY | " : "") +
           "MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC" +
           (needs_tmpfs_ ? ", AT_RECURSIVE)" : ")");
  }

  std::string shell() const override {
    std::string lines;
    if (needs_tmpfs_)
      lines = "mount -t tmpfs -o nosuid,nodev,noexec,mode=755,size=65536 tmpfs " +
              shell_in_root(destination_) + "\n";
    for (const auto& entry : binds_) {
      const std::string target = shell_in_root(entry.container_path);
      lines += "mkdir -p " + target + "; mount --bind " + shell_quote(entry.host_path) + " " + target + "\n";
      lines += "mount -o remount,bind,nosuid,nodev,noexec" + std::string(read_only_ ? ",ro " : " ") + target +
               "\n";
    }
    for (const auto& [name, link] : links_)
      lines += "ln -s " + link + " " + shell_in_root(destination_ + "/" + name) + "\n";
    if (read_only_ && needs_tmpfs_)
      lines += "mount -o remount,bind,ro,nosuid,nodev,noexec " + shell_in_root(destination_) + "\n";
    if (!lines.empty()) lines.pop_back();
    return lines;
  }

  Reason why() const override {
    return {"programs read their limits here; read-only, so that they can't lift them", "cgroups(7)"};
  }

 private:
  static constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

  // In the new tmpfs, which is the working directory, where nothing is yet and nobody else is. A v1 host has
  // a dozen of these: mount(2) takes a third less than a detached mount that is moved.
  Result<void> bind_below(const CgroupBind& entry) const {
    const std::string name = entry.container_path.substr(destination_.size() + 1);
    constexpr mode_t kMode = 0755;
    if (name.find('/') == std::string::npos) TRY(sys::mkdir(name.c_str(), kMode));
    return sys::mount(entry.host_path.c_str(), name.c_str(), nullptr, MS_BIND, nullptr);
  }

  // On what the image has there.
  Result<void> bind(int root_fd, const std::string& path, const std::string& host_path) const {
    const Fd tree = TRY(sys::open_tree(AT_FDCWD, host_path.c_str(), OPEN_TREE_CLONE));
    TRY(sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH, attributes()));
    const Fd target = TRY(open_target(root_fd, path, TargetType::kDirectory, Symlinks::kRefuse));
    return sys::move_mount(tree.get(), target.get());
  }

  mount_attr attributes() const {
    mount_attr result = {};
    result.attr_set = kAttributes | (read_only_ ? static_cast<unsigned>(MOUNT_ATTR_RDONLY) : 0U);
    return result;
  }

  std::string destination_;
  std::vector<CgroupBind> binds_;
  std::vector<std::pair<std::string, std::string>> links_;
  bool read_only_;
  bool needs_tmpfs_ = false;
};

}  // namespace

StepPtr cgroup_view_step(const std::string& destination, std::vector<CgroupBind> binds,
                         std::vector<std::pair<std::string, std::string>> links, bool read_only) {
  return std::make_unique<CgroupView>(destination, std::move(binds), std::move(links), read_only);
}

}  // namespace namespaces
