// The steps that make a container's cgroup, limit it and put the container into it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "cgroups/group.h"
#include "cgroups/layout.h"
#include "cgroups/resources.h"

namespace cgroups {

struct GroupSteps {
  std::vector<StepPtr> before_clone;  // host lane: create, limit, device rules, open for the clone
  std::vector<StepPtr> after_clone;   // host lane: the same on v1, when the init joins late
  StepPtr join;                       // init lane; null where v2 alone is mounted
};

// When the init joins v1's hierarchies. Early: as its first step, all is made before the clone. Late: it is
// born in the v2 group, and mounts while the host makes and limits what is on v1; the caller sees to it that
// after_clone is done before `join`. Where v2 is not mounted, or systemd makes the group, it is always early.
enum class Join { kEarly, kLate };

// Pure. The steps for a new container: after before_clone, StepContext::cgroup_fd is the v2 directory for
// CLONE_INTO_CGROUP (closed without v2) and StepContext::cgroup_task_fds the v1 "tasks" files that `join`
// writes. Errors of limit_writes() and the device rules, and
// of group_at() where a path is given.
// With a `scope` step (cgroups/systemd_scope.h) that one makes the group, and the others fill it.
Result<GroupSteps> cgroup_steps(const Layout& layout, const Group& group, const Resources& resources,
                                StepPtr scope = nullptr, Join when = Join::kEarly);
Result<GroupSteps> cgroup_steps(const Layout& layout, const std::string& path, const Resources& resources);

// Host lane: gives the v2 group, its directory and the files that may be delegated, to `uid`: the root of a
// user namespace then makes groups of its own below. The limits stay the host's. cgroup-v2.rst "Delegation",
// runtime-spec config-linux.md "Cgroup ownership".
StepPtr give_group_step(const Group& group, uid_t uid);

// Pure. The steps for one more process in an existing group (exec): open and join only, no undo.
Result<GroupSteps> enter_steps(const Layout& layout, const std::string& path);
GroupSteps enter_steps(const Group& group);

}  // namespace cgroups
