// A cgroup below a container's, for a process that is to be counted and limited apart: what `exec --cgroup`
// names.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroups/group.h"

namespace cgroups {

// Pure. Where in `group` the words of --cgroup mean: "PATH" alone for all hierarchies, or
// "CONTROLLER[,...]:PATH" for those v1 hierarchies, any number of them, in the others the group itself.
// Nothing is made: who opens the directories learns that one does not exist. kInvalid for two words of which
// one has no controller, for a path that leaves the group, and for a controller that the group has on no v1
// hierarchy. cgroups(7).
Result<Group> group_below(const Group& group, const std::vector<std::string>& words);

}  // namespace cgroups
