// Killing one cgroup by its descriptor, in whatever hierarchy: what kill_all and removal share.
#pragma once

#include <string>

#include "base/result.h"

namespace cgroups {

// SIGKILL to every process in the cgroup and below it, until none is left. `freezer_directory` (or empty) is
// thawed meanwhile. kSystem ETIMEDOUT after `timeout_ms`.
Result<void> kill_each(int cgroup_fd, const std::string& freezer_directory, int timeout_ms);

// By cgroup.kill (v2, kernel 5.14), else kill_each(); returns when all have left.
Result<void> kill_cgroup(int cgroup_fd, const std::string& freezer_directory, int timeout_ms);

}  // namespace cgroups
