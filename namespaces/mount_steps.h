// The steps that build a container's file system view. Every mount goes on a target that was resolved inside
// the rootfs and is held open: made detached by the descriptor-based mount API and moved there, or by
// mount(2) with the target as the working directory. No path of the image is ever walked by the kernel's
// ordinary rules. All are in the init lane and need context.root_fd, which open_root_step() fills.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "namespaces/mounts.h"

namespace namespaces {

// Nothing that follows propagates to the host. `propagation` is the spec's rootfsPropagation: "" and
// "private" make the whole tree MS_PRIVATE, "slave" MS_SLAVE; with "shared" only the mount that holds `root`
// leaves its peer group, so that binds of shared mounts still share with the host. mount_namespaces(7).
StepPtr isolate_propagation_step(const std::string& propagation, const std::string& root);

// A directory of the host that becomes the root of the container. When it is no mount point of its own
// (`is_mount` false) it is bound to itself, which pivot_root(2) needs.
struct RootSource {
  std::string path;
  bool is_mount = false;
  std::optional<size_t> tree;  // of context.trees: opened by the host
};
StepPtr open_root_step(RootSource source);

// Opens a procfs of the init's pid namespace that is attached nowhere, for sysctls and other writes to /proc
// that must not be redirected by a mount (CVE-2025-52881). Fills context.proc_fd.
StepPtr open_procfs_step();
// The same where the pid namespace is the caller's and the user namespace is not: the caller's own /proc,
// opened before anything of the container is mounted.
StepPtr open_callers_procfs_step();

// fsopen(2) of a procfs that will show the container's pid namespace: the next of context.proc_filesystems
// where it has some (the init is then outside of that pid namespace).
Result<Fd> open_procfs(StepContext& context);
// kCorrupt unless `fd` is on a procfs: those were opened by a process in sight of others.
Result<void> check_procfs(int fd);

// One entry of the spec's mounts[]. Errors while planning: kInvalid for a destination that is not absolute,
// for mounts over /proc that are not procfs and over /sys that are not sysfs, and below /proc outside the
// list of files that tools like lxcfs replace (CVE-2019-16884).
// `tree`, of context.trees, is what a bind mount attaches when the host has opened it.
Result<StepPtr> mount_step(const Mount& mount, std::optional<size_t> tree = std::nullopt);

// One hierarchy of cgroups to show inside: the host's directory bound read-only at `container_path`.
struct CgroupBind {
  std::string container_path;  // "/sys/fs/cgroup/memory"
  std::string host_path;       // "/sys/fs/cgroup/memory/vial/ID"
};
// The container's own cgroups below `destination`: with one bind that equals the destination (pure v2) just
// that; else a small tmpfs with a directory per hierarchy and `links` (name -> target, "cpu" ->
// "cpu,cpuacct"). read_only: all of it.
StepPtr cgroup_view_step(const std::string& destination, std::vector<CgroupBind> binds,
                         std::vector<std::pair<std::string, std::string>> links, bool read_only);

// Masks: a file is covered with our own /dev/null (context.null_fd), a directory with one shared empty
// read-only tmpfs. What is missing is skipped; a symlink in the path is an error.
StepPtr mask_paths_step(std::vector<std::string> paths);
StepPtr readonly_paths_step(std::vector<std::string> paths);
StepPtr readonly_root_step();

// Makes the rootfs the root and detaches the old one: nothing of it can be reached afterwards. One umount,
// because each costs an expedited RCU grace period. `propagation` is the spec's rootfsPropagation, set on the
// new root at the end.
StepPtr pivot_root_step(const std::string& propagation);
// The same by MS_MOVE and chroot(2), for hosts whose root is an initramfs (runc's --no-pivot).
StepPtr move_root_step(const std::string& propagation);

}  // namespace namespaces
