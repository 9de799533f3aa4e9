// The steps that put a process into a group.
#pragma once

#include "cgroups/steps.h"

namespace cgroups {

// Host lane: StepContext::cgroup_fd for the clone and, for an early join, StepContext::cgroup_task_fds.
StepPtr open_step(const Group& group, Join when);
// Init lane: into the group on each v1 hierarchy.
StepPtr join_step(const Group& group, Join when);

}  // namespace cgroups
