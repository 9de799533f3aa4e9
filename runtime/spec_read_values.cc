#include "runtime/spec_read.h"

namespace runtime {
namespace {

Result<uint32_t> to_uint32(const JsonView& view) {
  const uint64_t value = TRY(view.unsigned_integer());
  if (value > UINT32_MAX) return view.wrong("out of range");
  return static_cast<uint32_t>(value);
}

}  // namespace

Result<std::optional<JsonView>> object_member(const JsonView& view, const char* key) {
  auto member = view.find(key);
  if (member && !member->is_object()) return member->wrong("not an object");
  return member;
}

Result<std::string> required_string(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  std::string text = TRY(member.string());
  if (text.empty()) return member.wrong("empty");
  return text;
}

Result<int64_t> required_integer(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  return member.integer();
}

Result<uint64_t> required_unsigned(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  return member.unsigned_integer();
}

Result<uint32_t> required_uint32(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  return to_uint32(member);
}

Result<std::optional<uint32_t>> optional_uint32(const JsonView& view, const char* key) {
  const auto member = view.find(key);
  if (!member) return std::optional<uint32_t>();
  return std::optional<uint32_t>(TRY(to_uint32(*member)));
}

Result<std::optional<int32_t>> optional_int32(const JsonView& view, const char* key) {
  const auto member = view.find(key);
  if (!member) return std::optional<int32_t>();
  const int64_t value = TRY(member->integer());
  if (value < INT32_MIN || value > INT32_MAX) return member->wrong("out of range");
  return std::optional<int32_t>(static_cast<int32_t>(value));
}

Result<std::vector<std::pair<std::string, JsonView>>> map_member(const JsonView& view, const char* key) {
  std::vector<std::pair<std::string, JsonView>> present;
  const auto member = view.find(key);
  if (!member) return present;
  auto all = TRY(member->members());
  for (auto& entry : all) {
    if (entry.first.find('\0') != std::string::npos) return member->wrong("a name in it has a NUL byte");
    if (!entry.second.raw().is_null()) present.push_back(std::move(entry));
  }
  return present;
}

Result<std::map<std::string, std::string>> string_map(const JsonView& view, const char* key) {
  std::map<std::string, std::string> strings;
  const auto entries = TRY(map_member(view, key));
  for (const auto& [name, member] : entries)
    strings[name] = TRY(member.string());
  return strings;
}

Result<namespaces::IdMap> read_id_map(const JsonView& view) {
  namespaces::IdMap map;
  map.container_id = TRY(required_uint32(view, "containerID"));
  map.host_id = TRY(required_uint32(view, "hostID"));
  map.size = TRY(required_uint32(view, "size"));
  return map;
}

}  // namespace runtime
