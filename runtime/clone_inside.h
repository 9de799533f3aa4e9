// exec's clone: a process of a running container that is never seen inside with anything of the host's.
#pragma once

#include "base/step.h"
#include "namespaces/ns_set.h"

namespace runtime {

struct CloneInside {
  StepPtr join;    // the cgroup, on v1; may be null
  StepPtr grants;  // limits that only the host's root may set; may be null
  unsigned preserve_fds = 0;
  bool tells_pid = false;  // the process finds its pid on the host in context.init_pid
};

// Whoever is in the container already, with CAP_SYS_PTRACE there, may look into /proc/PID of a process that
// comes in: its root, its directory, its descriptors, its environment (CVE-2016-9962). So a helper outside of
// the container's pid namespace joins the cgroup and all namespaces, lets go of all descriptors that the
// process does not need, and then clones the process as the launcher's child. For a moment both count in
// pids.max. Needs context.target_pidfd. Keeps 0, 1, 2 and `preserve_fds` more descriptors.
StepPtr clone_inside_step(const namespaces::NamespaceSet& own, CloneInside options);

}  // namespace runtime
