#include "runtime/spec_write.h"

namespace runtime {
namespace {

Json write_namespace(const namespaces::Namespace& entry) {
  Json object = {{"type", entry.type}};
  put(object, "path", entry.path);
  return object;
}

Json write_time_offsets(const std::vector<TimeOffset>& offsets) {
  Json object = Json::object();
  for (const auto& offset : offsets) {
    object[offset.clock] = {{"secs", offset.seconds}, {"nanosecs", offset.nanoseconds}};
  }
  return object;
}

Json write_device(const Device& device) {
  Json object = {{"type", std::string(1, device.type)}, {"path", device.path}};
  if (device.type != 'p') {
    object["major"] = device.major;
    object["minor"] = device.minor;
  }
  put(object, "fileMode", device.mode);
  put(object, "uid", device.uid);
  put(object, "gid", device.gid);
  return object;
}

Json write_net_devices(const std::vector<NetDevice>& devices) {
  Json object = Json::object();
  for (const auto& device : devices)
    object[device.host_name] = {{"name", device.container_name}};
  return object;
}

Json write_personality(const Linux& os) {
  Json object = Json::object();
  put(object, "domain", os.personality_domain);
  return object;
}

Json write_memory_policy(const Linux& os) {
  Json object = Json::object();
  put(object, "mode", os.memory_policy_mode);
  put(object, "nodes", os.memory_policy_nodes);
  put(object, "flags", os.memory_policy_flags);
  return object;
}

}  // namespace

Json write_linux(const Linux& os) {
  Json object = Json::object();
  put(object, "namespaces", write_list(os.namespaces, write_namespace));
  put(object, "uidMappings", write_id_maps(os.uid_mappings));
  put(object, "gidMappings", write_id_maps(os.gid_mappings));
  put(object, "timeOffsets", write_time_offsets(os.time_offsets));
  put(object, "devices", write_list(os.devices, write_device));
  put(object, "netDevices", write_net_devices(os.net_devices));
  put(object, "cgroupsPath", os.cgroups_path);
  put(object, "resources", write_resources(os.resources));
  put(object, "sysctl", os.sysctl);
  if (os.seccomp) object["seccomp"] = write_seccomp(*os.seccomp);
  put(object, "maskedPaths", os.masked_paths);
  put(object, "readonlyPaths", os.readonly_paths);
  put(object, "rootfsPropagation", os.rootfs_propagation);
  put(object, "mountLabel", os.mount_label);
  put(object, "personality", write_personality(os));
  put(object, "memoryPolicy", write_memory_policy(os));
  return object;
}

}  // namespace runtime
