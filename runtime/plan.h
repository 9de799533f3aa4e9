// The plan: a pure function of (spec, facts about the host, what the caller adds) to the list of steps. It
// reads no file and changes nothing, so that --dry-run, unit tests and comparisons need no root.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "cgroups/layout.h"
#include "runtime/spec.h"
#include "security/filter.h"

namespace runtime {

// What the plan must know about the machine; collect_host_facts() reads it once.
struct HostFacts {
  cgroups::Layout cgroups;
  bool can_raise_rlimits = true;  // CAP_SYS_RESOURCE
  unsigned kernel_major = 6;
  unsigned kernel_minor = 1;
};
Result<HostFacts> collect_host_facts();

struct PlanRequest {
  const Spec* spec = nullptr;
  std::string id;
  std::string bundle;                            // root.path is relative to it
  std::vector<security::FilterProgram> seccomp;  // compiled filters, loaded in this order; empty: unconfined
  std::vector<StepPtr> before_clone;             // the caller's own host steps
  std::vector<StepPtr> after_clone;    // ... performed by the host while the init waits (network, id maps)
  std::vector<StepPtr> before_rootfs;  // the caller's own init steps (the snapshot's overlay mount)
  bool rootfs_is_mount = false;        // before_rootfs mounts something on root.path
  unsigned preserve_fds = 0;           // descriptors 3 .. 2 + n stay open in the container
  bool no_pivot = false;               // MS_MOVE and chroot(2) instead of pivot_root(2)
  bool systemd_cgroup = false;         // cgroupsPath is slice:prefix:name, a scope of systemd's
  bool no_new_keyring = false;         // the caller's session keyring stays
  bool names_members = false;          // the spec is what somebody wrote: errors say where in it
};

// Where the container's cgroup is: cgroupsPath itself, or with systemd the scope's path. What other commands,
// and make_exec_plan()'s spec, take for cgroupsPath. Errors: kInvalid of cgroups::systemd_unit().
Result<std::string> cgroup_path_of(const PlanRequest& request);

// The spec's hooks are in the plan, up to startContainer; poststart and poststop are whose who starts and
// deletes (runtime/hooks.h).
// Errors: kInvalid for a spec that can't be a container (all that validate_spec() finds, a limit that no
// controller can take), kUnsupported for a limit whose controller this host does not have: the
// text names the controller and where it was looked for.
Result<Plan> make_plan(PlanRequest request, const HostFacts& host);

}  // namespace runtime
