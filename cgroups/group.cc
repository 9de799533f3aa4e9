#include "cgroups/group.h"

#include <algorithm>

#include "base/strings.h"

namespace cgroups {
namespace {

constexpr size_t kMaxName = 255;  // NAME_MAX

// "/a//b/./c" -> "/a/b/c"
Result<std::string> normal_path(const std::string& path) {
  std::string result;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return invalid("cgroup path '" + printable(path) + "' has a '..' component");
    if (part.size() > kMaxName) return invalid("cgroup path has a name over 255 bytes");
    // The kernel refuses newlines: they would make /proc/PID/cgroup ambiguous (cgroup_mkdir).
    if (part.find('\n') != std::string::npos || part.find('\0') != std::string::npos) {
      return invalid("cgroup path '" + printable(path) + "' has a newline or NUL byte");
    }
    result += "/" + part;
  }
  if (result.empty()) {
    return invalid("cgroup path '" + printable(path) + "' is the root, which can't hold a container");
  }
  return result;
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

std::string Group::v1_directory_of(const std::string& controller) const {
  for (const V1Directory& place : v1) {
    const auto& names = place.controllers;
    if (std::find(names.begin(), names.end(), controller) != names.end()) return place.directory;
  }
  return {};
}

Result<void> check_group_path(const std::string& path) {
  const std::string normal = TRY(normal_path(path));
  return normal == path ? ok() : invalid("cgroup path '" + printable(path) + "' is not a plain one");
}

Result<Group> group_at(const Layout& layout, const std::string& path) {
  Group group;
  group.path = TRY(normal_path(path));
  group.v2_mount_point = layout.v2_mount_point;
  if (!layout.v2_mount_point.empty()) group.v2_directory = layout.v2_mount_point + group.path;
  for (const V1Hierarchy& hierarchy : layout.v1) {
    group.v1.push_back({hierarchy.controllers, hierarchy.mount_point, hierarchy.mount_point + group.path});
  }
  return group;
}

std::vector<ViewMount> container_view(const Group& group) {
  const std::string root = "/sys/fs/cgroup";
  std::vector<ViewMount> view;
  if (group.v1.empty()) {
    view.push_back({root, group.v2_directory, group.v2_mount_point, {}});
    return view;
  }
  for (const V1Directory& place : group.v1) {
    const std::string name = base_name(place.mount_point);
    ViewMount mount = {root + "/" + name, place.directory, place.mount_point, {}};
    for (const std::string& controller : place.controllers) {
      const bool is_named = controller.find('=') != std::string::npos;
      if (controller != name && !is_named) mount.links.push_back(controller);
    }
    view.push_back(std::move(mount));
  }
  if (!group.v2_directory.empty()) {
    view.push_back({root + "/unified", group.v2_directory, group.v2_mount_point, {}});
  }
  return view;
}

}  // namespace cgroups
