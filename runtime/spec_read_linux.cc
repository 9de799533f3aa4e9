#include <string_view>

#include "base/strings.h"
#include "runtime/spec_read.h"

namespace runtime {
namespace {

Result<namespaces::Namespace> read_namespace(const JsonView& view) {
  namespaces::Namespace entry;
  entry.type = TRY(required_string(view, "type"));
  entry.path = TRY(view.string_or("path", ""));
  return entry;
}

Result<std::vector<TimeOffset>> read_time_offsets(const JsonView& view) {
  std::vector<TimeOffset> offsets;
  const auto entries = TRY(map_member(view, "timeOffsets"));
  for (const auto& [clock, member] : entries) {
    if (!member.is_object()) return member.wrong("not an object");
    const auto seconds = TRY(member.optional_integer("secs"));
    const auto nanoseconds = TRY(optional_uint32(member, "nanosecs"));
    offsets.push_back({clock, seconds.value_or(0), nanoseconds.value_or(0)});
  }
  return offsets;
}

Result<Device> read_device(const JsonView& view) {
  Device device;
  const auto member = TRY(view.at("type"));
  const std::string type = TRY(member.string());
  if (type.size() != 1 || !contains("bcup", type)) {
    return member.wrong("\"" + printable(type) + "\" is none of b, c, u and p");
  }
  device.type = type.front();
  device.path = TRY(required_string(view, "path"));
  if (device.type != 'p') {  // a named pipe has no numbers
    device.major = TRY(required_integer(view, "major"));
    device.minor = TRY(required_integer(view, "minor"));
  }
  device.mode = TRY(optional_uint32(view, "fileMode"));
  device.uid = TRY(optional_uint32(view, "uid"));
  device.gid = TRY(optional_uint32(view, "gid"));
  return device;
}

// {"eth0": {"name": "container_eth0"}}: without a name the interface keeps its own.
Result<std::vector<NetDevice>> read_net_devices(const JsonView& view) {
  std::vector<NetDevice> devices;
  const auto entries = TRY(map_member(view, "netDevices"));
  for (const auto& [host_name, member] : entries) {
    if (!member.is_object()) return member.wrong("not an object");
    std::string name = TRY(member.string_or("name", ""));
    if (name.empty()) name = host_name;
    devices.push_back({host_name, std::move(name)});
  }
  return devices;
}

Result<void> read_personality(const JsonView& view, Linux& os) {
  const auto member = TRY(object_member(view, "personality"));
  if (!member) return ok();
  os.personality_domain = TRY(required_string(*member, "domain"));
  const auto flags = TRY(member->strings_or_empty("flags"));
  if (!flags.empty()) return unsupported(member->pointer() + "/flags: the specification defines none yet");
  return ok();
}

Result<void> read_memory_policy(const JsonView& view, Linux& os) {
  const auto member = TRY(object_member(view, "memoryPolicy"));
  if (!member) return ok();
  os.memory_policy_mode = TRY(required_string(*member, "mode"));
  os.memory_policy_nodes = TRY(member->string_or("nodes", ""));
  os.memory_policy_flags = TRY(member->strings_or_empty("flags"));
  return ok();
}

// runc's words on a host without it, and why it is the same on all hosts.
Error no_resctrl(const JsonView& member, const std::string& key, const char* feature) {
  return unsupported(member.pointer() + "/" + key + ": intelRdt." + key + " is specified in config, but " +
                     feature +
                     " is not enabled: this runtime drives no resctrl; put the container's processes into " +
                     "a group below /sys/fs/resctrl yourself, or use another runtime");
}

// A share of cache or memory bandwidth that would not be enforced is an error, and so is a group that would
// not be there. The older flags for monitoring (enableCMT, enableMBM) ask for no group and are ignored. There
// is no implementation because there is no test for one without such a processor.
Result<void> refuse_intel_rdt(const JsonView& view) {
  const auto member = TRY(object_member(view, "intelRdt"));
  if (!member) return ok();
  const std::string class_id = TRY(member->string_or("closID", ""));
  if (class_id == "." || class_id == ".." || contains(class_id, "/"))
    return invalid(member->pointer() + "/closID: invalid intelRdt.ClosID \"" + printable(class_id) + "\"");
  if (!TRY(member->string_or("l3CacheSchema", "")).empty())
    return no_resctrl(*member, "l3CacheSchema", "Intel RDT/CAT");
  if (!TRY(member->string_or("memBwSchema", "")).empty())
    return no_resctrl(*member, "memBwSchema", "Intel RDT/MBA");
  if (!TRY(member->strings_or_empty("schemata")).empty()) return no_resctrl(*member, "schemata", "Intel RDT");
  if (!class_id.empty()) return no_resctrl(*member, "closID", "Intel RDT");
  if (TRY(member->boolean_or("enableMonitoring", false)))
    return no_resctrl(*member, "enableMonitoring", "Intel RDT monitoring");
  return ok();
}

}  // namespace

Result<Linux> read_linux(const JsonView& view) {
  if (!view.is_object()) return view.wrong("not an object");
  Linux os;
  os.namespaces = TRY(read_list(view, "namespaces", read_namespace));
  os.uid_mappings = TRY(read_list(view, "uidMappings", read_id_map));
  os.gid_mappings = TRY(read_list(view, "gidMappings", read_id_map));
  os.time_offsets = TRY(read_time_offsets(view));
  os.devices = TRY(read_list(view, "devices", read_device));
  os.net_devices = TRY(read_net_devices(view));
  os.cgroups_path = TRY(view.string_or("cgroupsPath", ""));
  if (const auto resources = view.find("resources")) os.resources = TRY(read_resources(*resources));
  os.sysctl = TRY(string_map(view, "sysctl"));
  if (const auto seccomp = view.find("seccomp")) os.seccomp = TRY(read_seccomp(*seccomp));
  os.masked_paths = TRY(view.strings_or_empty("maskedPaths"));
  os.readonly_paths = TRY(view.strings_or_empty("readonlyPaths"));
  os.rootfs_propagation = TRY(view.string_or("rootfsPropagation", ""));
  os.mount_label = TRY(view.string_or("mountLabel", ""));
  TRY(read_personality(view, os));
  TRY(read_memory_policy(view, os));
  TRY(refuse_intel_rdt(view));
  return os;
}

}  // namespace runtime
