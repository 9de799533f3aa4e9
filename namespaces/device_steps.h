// The device nodes and links of a container's /dev, made inside the rootfs by descriptor.
#pragma once

#include <sys/types.h>

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

// Makes the nodes with mknod(2), or with `bind` (user namespaces can't mknod) binds the host's nodes of the
// same path. A node that is there already must be the same device. Fills context.null_fd with the container's
// /dev/null, checked to be the character device 1:3: an image can't slip in a link (CVE-2025-31133).
StepPtr device_nodes_step(std::vector<DeviceNode> nodes, bool bind);

// /dev/fd, stdin, stdout, stderr: what exists stays. /dev/ptmx is the link to pts/ptmx whatever an image has
// there (runtime-spec config-linux.md "Default Devices"); a directory that is not empty is an error.
StepPtr device_links_step();

}  // namespace namespaces
