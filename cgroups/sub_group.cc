#include "cgroups/sub_group.h"

#include <algorithm>

#include "base/strings.h"

namespace cgroups {
namespace {

// "/group/a/b" for "a//b/"; the group itself for "/".
Result<std::string> path_below(const Group& group, const std::string& path) {
  const auto normal = group_at(Layout(), group.path + "/" + path);
  if (!normal) return invalid(printable(path) + " is not a sub cgroup path");
  return normal->path;
}

Result<void> move_controller(Group& group, const std::string& name, const std::string& path) {
  const auto has_name = [&name](const V1Directory& place) {
    return std::find(place.controllers.begin(), place.controllers.end(), name) != place.controllers.end();
  };
  const auto place = std::find_if(group.v1.begin(), group.v1.end(), has_name);
  if (place == group.v1.end()) {
    return invalid("unknown controller \"" + printable(name) +
                   "\": the container has it on no cgroup v1 hierarchy; PATH alone is for all controllers");
  }
  place->directory = place->mount_point + path;
  return ok();
}

Group move_all(Group group, const std::string& path) {
  group.path = path;
  if (!group.v2_directory.empty()) group.v2_directory = group.v2_mount_point + path;
  for (V1Directory& place : group.v1)
    place.directory = place.mount_point + path;
  return group;
}

}  // namespace

Result<Group> group_below(const Group& group, const std::vector<std::string>& words) {
  Group result = group;
  for (const std::string& word : words) {
    const auto parts = split(word, ':');
    if (parts.size() > 2) return invalid("invalid --cgroup argument: " + printable(word));
    const std::string path = TRY(path_below(group, parts.back()));
    if (parts.size() == 1) {
      if (words.size() == 1) return move_all(std::move(result), path);
      return invalid("invalid --cgroup argument: " + printable(word) + " (missing <controller>: prefix)");
    }
    for (const std::string& name : split(parts.front(), ','))
      TRY(move_controller(result, name, path));
  }
  return result;
}

}  // namespace cgroups
