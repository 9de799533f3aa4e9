// Making a group's directories, so that a process may enter them: parents, v2's delegation of controllers,
// v1's cpuset that starts empty.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroups/group.h"

namespace cgroups {

// Makes the directory and the missing ones above it. An empty one left by a crash is made anew: its limits
// and its kill mark would be another container's. kConflict when it is in use. In the cpuset hierarchy it
// inherits cpus and mems, without which no process may enter (cgroup-v1/cpusets.rst).
//
// kAdopt takes the directory as it is, when somebody made it for us (systemd).
enum class Leaf { kMake, kAdopt };
Result<void> create_v1(const V1Directory& place, const std::string& path, Leaf leaf = Leaf::kMake);

// The same on v2, and the controllers enabled for it in every cgroup.subtree_control above it: a required one
// that can't be is an error, an optional one (for statistics) is left out.
struct V2Controllers {
  std::vector<std::string> required;
  std::vector<std::string> optional;
};
Result<void> create_v2(const Group& group, const V2Controllers& controllers, Leaf leaf = Leaf::kMake);

// "/a/b" -> {"/a", "/a/b"}
std::vector<std::string> path_prefixes(const std::string& path);

}  // namespace cgroups
