// Where each controller lives on this host: on the v2 hierarchy, on a v1 hierarchy, or nowhere (cgroups(7)).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace cgroups {

// One mounted v1 hierarchy: "/sys/fs/cgroup/cpu,cpuacct" with controllers {"cpu", "cpuacct"}; named ones
// ("name=systemd") have their name as only controller.
struct V1Hierarchy {
  std::string mount_point;
  std::vector<std::string> controllers;
};

struct Layout {
  std::string v2_mount_point;               // empty: not mounted
  std::vector<std::string> v2_controllers;  // of the v2 root; may be none
  std::vector<V1Hierarchy> v1;

  bool is_pure_v2() const { return v1.empty() && !v2_mount_point.empty(); }
  const V1Hierarchy* v1_of(const std::string& controller) const;
  bool v2_has(const std::string& controller) const;
};

// Reads /proc/self/cgroup, and /proc/self/mountinfo when a hierarchy is not where one looks for it.
// kUnsupported when no cgroup hierarchy is mounted.
Result<Layout> read_layout();
// The pure part, for tests: the texts of these two files and of the v2 root's cgroup.controllers.
Result<Layout> parse_layout(const std::string& mountinfo, const std::string& self_cgroup,
                            const std::string& v2_controllers);

}  // namespace cgroups
