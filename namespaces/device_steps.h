// The device nodes and links of a container's /dev, made inside the rootfs by descriptor.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/step.h"

namespace namespaces {

struct DeviceNode {
  std::string path;  // inside
  mode_t type = 0;   // S_IFCHR, S_IFBLK or S_IFIFO
  unsigned major = 0;
  unsigned minor = 0;
  mode_t permissions = 0666;
  uid_t uid = 0;
  gid_t gid = 0;
};

// null zero full random urandom tty: what every container gets (runtime-spec config-linux.md "Default
// Devices").
std::vector<DeviceNode> default_device_nodes();

// Host lane, before clone, for an init in a user namespace, which may make no node that can be opened: makes
// them on a tmpfs that is attached nowhere and leaves that in context.trees[number]. uid and gid are the
// host's. `label` is the SELinux context of the files there; empty: the policy's. user_namespaces(7),
// fsmount(2).
StepPtr host_nodes_step(std::vector<DeviceNode> nodes, size_t number, const std::string& label);

// Makes the nodes with mknod(2); a node that is there already must be the same device. With `tree`, of
// context.trees, binds those that host_nodes_step() made of the same list, over what is there. Fills
// context.null_fd with the container's /dev/null, checked to be the character device 1:3: an image can't slip
// in a link (CVE-2025-31133). Where mknod(2) is not permitted, both bind the node of the same path that
// vial's own /dev has, if that is the same device.
StepPtr device_nodes_step(std::vector<DeviceNode> nodes, std::optional<size_t> tree);

// /dev/fd, stdin, stdout, stderr: what exists stays. /dev/ptmx is the link to pts/ptmx whatever an image has
// there (runtime-spec config-linux.md "Default Devices"); a directory that is not empty is an error.
StepPtr device_links_step();

}  // namespace namespaces
