// Writing config.json by part: the mirror of spec_read.h. What has its default value is left out, so that the
// file holds what was asked for and nothing else.
#pragma once

#include <optional>
#include <vector>

#include "base/json.h"
#include "runtime/spec.h"

namespace runtime {

Json write_process(const Process& process);
// False for the default Process: a container may be created without one, but not started.
bool has_process(const Spec& spec);
Json write_linux(const Linux& os);
Json write_resources(const cgroups::Resources& resources);
Json write_seccomp(const security::SeccompFilterSpec& filter);
Json write_id_maps(const std::vector<namespaces::IdMap>& maps);

// object[key] = value, unless it is empty or absent.
template <typename T>
void put(Json& object, const char* key, const T& value) {
  if (!value.empty()) object[key] = value;
}
template <typename T>
void put(Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}
inline void put(Json& object, const char* key, bool value) {
  if (value) object[key] = true;
}

template <typename T>
Json write_list(const std::vector<T>& values, Json (*write)(const T&)) {
  Json list = Json::array();
  for (const auto& value : values)
    list.push_back(write(value));
  return list;
}

}  // namespace runtime
