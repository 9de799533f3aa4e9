#include "runtime/container_record.h"

namespace runtime {
namespace {

constexpr int kSchema = 1;

Result<void> check_schema(const JsonView& view) {
  const auto member = TRY(view.at("schema"));
  const int64_t schema = TRY(member.integer());
  if (schema != kSchema) return corrupt("schema is not " + std::to_string(kSchema));
  return ok();
}

Result<std::string> string_at(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  return member.string();
}

Json write_group(const cgroups::Group& group) {
  Json v1 = Json::array();
  for (const auto& place : group.v1) {
    v1.push_back({{"controllers", place.controllers},
                  {"mountPoint", place.mount_point},
                  {"directory", place.directory}});
  }
  return {{"path", group.path},
          {"mountPoint", group.v2_mount_point},
          {"directory", group.v2_directory},
          {"v1", std::move(v1)}};
}

Result<cgroups::Group> read_group(const JsonView& view) {
  cgroups::Group group;
  group.path = TRY(string_at(view, "path"));
  group.v2_mount_point = TRY(string_at(view, "mountPoint"));
  group.v2_directory = TRY(string_at(view, "directory"));
  const auto list = TRY(view.at("v1"));
  const auto places = TRY(list.elements());
  for (const auto& place : places) {
    cgroups::V1Directory directory;
    directory.controllers = TRY(place.strings_or_empty("controllers"));
    directory.mount_point = TRY(string_at(place, "mountPoint"));
    directory.directory = TRY(string_at(place, "directory"));
    group.v1.push_back(std::move(directory));
  }
  return group;
}

Result<std::vector<Undo>> read_undo(const JsonView& view) {
  std::vector<Undo> entries;
  const auto items = TRY(view.elements());
  for (const auto& item : items) {
    Undo entry;
    entry.kind = TRY(string_at(item, "kind"));
    entry.target = TRY(string_at(item, "target"));
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Result<ContainerRecord> read_container_record(const Json& document) {
  const JsonView view(document, "");
  TRY(check_schema(view));
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
  record.undo = TRY(read_undo(undo));
  record.waits_at_gate = TRY(view.boolean_or("waitsAtGate", false));
  record.has_poststart = TRY(view.boolean_or("hasPoststart", false));
  record.has_poststop = TRY(view.boolean_or("hasPoststop", false));
  return record;
}

Json write_container_record(const ContainerRecord& record) {
  Json undo = Json::array();
  for (const auto& entry : record.undo)
    undo.push_back({{"kind", entry.kind}, {"target", entry.target}});
  return {{"schema", kSchema},
          {"ociVersion", record.oci_version},
          {"id", record.id},
          {"bundle", record.bundle},
          {"rootfs", record.rootfs},
          {"owner", record.owner},
          {"createdNs", record.created_ns},
          {"annotations", record.annotations},
          {"cgroup", write_group(record.cgroup)},
          {"scope", record.scope},
          {"undo", std::move(undo)},
          {"waitsAtGate", record.waits_at_gate},
          {"hasPoststart", record.has_poststart},
          {"hasPoststop", record.has_poststop}};
}

Result<InitRecord> read_init_record(const Json& document) {
  const JsonView view(document, "");
  TRY(check_schema(view));
  InitRecord record;
  const auto pid = TRY(view.at("pid"));
  record.init.pid = static_cast<pid_t>(TRY(pid.integer()));
  const auto ticks = TRY(view.at("startTicks"));
  record.init.start_ticks = TRY(ticks.unsigned_integer());
  record.boot_id = TRY(string_at(view, "bootId"));
  return record;
}

Json write_init_record(const InitRecord& record) {
  return {{"schema", kSchema},
          {"pid", record.init.pid},
          {"startTicks", record.init.start_ticks},
          {"bootId", record.boot_id}};
}

}  // namespace runtime
