// Reading config.json by part, for read_spec() and for the commands that take a part alone (exec --process,
// update --resources). Errors of all functions: kInvalid with the JSON pointer of the wrong member, before
// anything is done. A null member counts as absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/spec.h"

namespace runtime {

// runtime-spec config.md "Process". Capabilities that this build does not know are left out, as older
// runtimes must read newer files; one without CAP_ is kInvalid.
Result<Process> read_process(const JsonView& view);
// runtime-spec config-linux.md. kUnsupported too, for Intel RDT classes and personality flags.
Result<Linux> read_linux(const JsonView& view);
// config-linux.md "Control groups", without checking what a kernel takes: cgroups/ does.
Result<cgroups::Resources> read_resources(const JsonView& view);
// config-linux.md "Seccomp". nullopt for an object that says neither an action nor a rule: no filter.
Result<std::optional<security::SeccompFilterSpec>> read_seccomp(const JsonView& view);

// The optional member `key` when it is an object; kInvalid for another type.
Result<std::optional<JsonView>> object_member(const JsonView& view, const char* key);
// kInvalid when it is missing, no string, or empty: nothing that the specification requires may be.
Result<std::string> required_string(const JsonView& view, const char* key);
Result<int64_t> required_integer(const JsonView& view, const char* key);
Result<uint64_t> required_unsigned(const JsonView& view, const char* key);
Result<uint32_t> required_uint32(const JsonView& view, const char* key);
Result<std::optional<uint32_t>> optional_uint32(const JsonView& view, const char* key);
Result<std::optional<int32_t>> optional_int32(const JsonView& view, const char* key);
// An object whose members are all of one shape; without those that are null. Names with a NUL byte are
// kInvalid, as in JsonView::string().
Result<std::vector<std::pair<std::string, JsonView>>> map_member(const JsonView& view, const char* key);
Result<std::map<std::string, std::string>> string_map(const JsonView& view, const char* key);

// The elements of the optional array `key`, all of them objects, each read by `read`.
template <typename T>
Result<std::vector<T>> read_list(const JsonView& view, const char* key, Result<T> (*read)(const JsonView&)) {
  std::vector<T> list;
  const auto member = view.find(key);
  if (!member) return list;
  const auto items = TRY(member->elements());
  for (const auto& item : items) {
    if (!item.is_object()) return item.wrong("not an object");
    list.push_back(TRY(read(item)));
  }
  return list;
}

// {containerID, hostID, size}, which mounts have too.
Result<namespaces::IdMap> read_id_map(const JsonView& view);

}  // namespace runtime
