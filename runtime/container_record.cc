#include "runtime/container_record.h"

#include <algorithm>
#include <cstddef>

#include "base/strings.h"

namespace runtime {
namespace {

constexpr int kContainerSchema = 2;
constexpr int kInitSchema = 1;
constexpr const char* kGroupUndo = "group";  // for "cgroup" of each of the group's directories

Result<void> check_schema(const JsonView& view, int known) {
  const auto member = TRY(view.at("schema"));
  const int64_t schema = TRY(member.integer());
  if (schema != known) return corrupt("schema is not " + std::to_string(known));
  return ok();
}

Result<std::string> string_at(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  return member.string();
}

// Only what can't be derived: this is written at every start, and a directory is a mount point and the path.
Json write_group(const cgroups::Group& group) {
  Json document = Json::object();
  document["path"] = group.path;
  document["v2"] = group.v2_mount_point;
  Json& v1 = document["v1"] = Json::object();
  for (const auto& place : group.v1)
    v1[place.mount_point] = join(place.controllers, ",");
  return document;
}

Result<cgroups::Group> read_group(const JsonView& view) {
  cgroups::Group group;
  group.path = TRY(string_at(view, "path"));
  if (group.path.empty()) return group;        // it has none
  TRY(cgroups::check_group_path(group.path));  // the root's processes are everybody's
  group.v2_mount_point = TRY(string_at(view, "v2"));
  if (!group.v2_mount_point.empty()) group.v2_directory = group.v2_mount_point + group.path;
  const auto list = TRY(view.at("v1"));
  const auto places = TRY(list.members());
  for (const auto& [mount_point, controllers] : places) {
    const std::string names = TRY(controllers.string());
    group.v1.push_back({split(names, ','), mount_point, mount_point + group.path});
  }
  return group;
}

// v2 first: its kill empties the group in all hierarchies.
std::vector<Undo> undo_of(const cgroups::Group& group) {
  std::vector<Undo> entries;
  if (!group.v2_directory.empty()) entries.push_back({"cgroup", group.v2_directory});
  for (const auto& place : group.v1)
    entries.push_back({"cgroup", place.directory});
  return entries;
}

Json write_undo(const ContainerRecord& record) {
  const std::vector<Undo> group = undo_of(record.cgroup);
  const auto& all = record.undo;
  const auto found = std::search(all.begin(), all.end(), group.begin(), group.end());
  const bool has_group = !group.empty() && found != all.end();
  Json list = Json::array();
  const auto write = [&](const std::string& kind, const std::string& target) {
    Json& entry = list.emplace_back(Json::object());
    entry["kind"] = kind;
    entry["target"] = target;
  };
  for (auto entry = all.begin(); entry != all.end();) {
    const bool is_group = has_group && entry == found;
    write(is_group ? kGroupUndo : entry->kind, is_group ? record.cgroup.path : entry->target);
    entry += is_group ? static_cast<std::ptrdiff_t>(group.size()) : 1;
  }
  return list;
}

Result<std::vector<Undo>> read_undo(const JsonView& view, const cgroups::Group& group) {
  std::vector<Undo> entries;
  const auto items = TRY(view.elements());
  for (const auto& item : items) {
    Undo entry;
    entry.kind = TRY(string_at(item, "kind"));
    entry.target = TRY(string_at(item, "target"));
    if (entry.kind != kGroupUndo) {
      entries.push_back(std::move(entry));
      continue;
    }
    for (auto& directory : undo_of(group))
      entries.push_back(std::move(directory));
  }
  return entries;
}

}  // namespace

Result<ContainerRecord> read_container_record(const Json& document) {
  const JsonView view(document);
  TRY(check_schema(view, kContainerSchema));
  ContainerRecord record;
  record.oci_version = TRY(string_at(view, "ociVersion"));
  record.id = TRY(string_at(view, "id"));
  record.bundle = TRY(string_at(view, "bundle"));
  record.rootfs = TRY(string_at(view, "rootfs"));
  record.owner = TRY(string_at(view, "owner"));
  const auto created = TRY(view.at("createdNs"));
  record.created_ns = TRY(created.integer());
  const auto annotations = TRY(view.at("annotations"));
  const auto members = TRY(annotations.members());
  for (const auto& [key, value] : members)
    record.annotations[key] = TRY(value.string());
  const auto group = TRY(view.at("cgroup"));
  record.cgroup = TRY(read_group(group));
  record.scope = TRY(view.string_or("scope", ""));
  const auto undo = TRY(view.at("undo"));
  record.undo = TRY(read_undo(undo, record.cgroup));
  record.waits_at_gate = TRY(view.boolean_or("waitsAtGate", false));
  record.has_poststart = TRY(view.boolean_or("hasPoststart", false));
  record.has_poststop = TRY(view.boolean_or("hasPoststop", false));
  return record;
}

Json write_container_record(const ContainerRecord& record) {
  Json document = Json::object();
  document["schema"] = kContainerSchema;
  document["ociVersion"] = record.oci_version;
  document["id"] = record.id;
  document["bundle"] = record.bundle;
  document["rootfs"] = record.rootfs;
  document["owner"] = record.owner;
  document["createdNs"] = record.created_ns;
  document["annotations"] = record.annotations;
  document["cgroup"] = write_group(record.cgroup);
  if (!record.scope.empty()) document["scope"] = record.scope;
  document["undo"] = write_undo(record);
  document["waitsAtGate"] = record.waits_at_gate;
  if (record.has_poststart) document["hasPoststart"] = true;
  if (record.has_poststop) document["hasPoststop"] = true;
  return document;
}

Result<InitRecord> read_init_record(const Json& document) {
  const JsonView view(document);
  TRY(check_schema(view, kInitSchema));
  InitRecord record;
  const auto pid = TRY(view.at("pid"));
  record.init.pid = static_cast<pid_t>(TRY(pid.integer()));
  record.init.start_ticks = TRY(view.optional_unsigned("startTicks")).value_or(0);
  record.init.inode = TRY(view.optional_unsigned("inode")).value_or(0);
  record.boot_id = TRY(string_at(view, "bootId"));
  return record;
}

Json write_init_record(const InitRecord& record) {
  return {{"schema", kInitSchema},
          {"pid", record.init.pid},
          {"startTicks", record.init.start_ticks},
          {"inode", record.init.inode},
          {"bootId", record.boot_id}};
}

}  // namespace runtime
