// Walking a cgroup and those below it by descriptors: what a container made inside may be deep, and may
// vanish while it is walked.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cgroups {

// The cgroup directory, opened without following links; kNotFound if there is none.
Result<Fd> open_cgroup(const std::string& directory);

// Calls visit(fd of a cgroup) for it and all below it, children first. What vanishes meanwhile is left out.
using CgroupVisit = std::function<Result<void>(int cgroup_fd)>;
Result<void> walk_cgroups(int cgroup_fd, const CgroupVisit& visit);

// The processes in it and below it, sorted, each once. Those of a foreign pid namespace (listed as 0) are
// left out.
Result<std::vector<pid_t>> read_processes(int cgroup_fd);

// Removes all cgroups below it, deepest first; one that is in use stays and is the error (EBUSY).
Result<void> remove_children(int cgroup_fd);

// True for the errors of a cgroup that has gone while it was looked at.
bool is_gone(const Error& error);

// Waits until `file` of the v2 cgroup ("cgroup.events") has the line `wanted` ("populated 0"); false after
// `timeout_ms`. A cgroup that has gone counts as having it. poll(2) with POLLPRI, cgroup-v2.rst
// "[Un]populated Notification".
Result<bool> wait_for_line(int cgroup_fd, const char* file, const std::string& wanted, int timeout_ms);

}  // namespace cgroups
