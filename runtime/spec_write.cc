#include "runtime/spec_write.h"

#include "runtime/spec_members.h"

namespace runtime {
namespace {

Json write_id_map(const namespaces::IdMap& map) {
  return {{"containerID", map.container_id}, {"hostID", map.host_id}, {"size", map.size}};
}

Json write_mount(const namespaces::Mount& mount) {
  Json object = {{"destination", mount.destination}};
  put(object, "type", mount.type);
  put(object, "source", mount.source);
  put(object, "options", mount.options);
  put(object, "uidMappings", write_id_maps(mount.uid_maps));
  put(object, "gidMappings", write_id_maps(mount.gid_maps));
  return object;
}

Json write_hook(const Hook& hook) {
  Json object = {{"path", hook.path}};
  put(object, "args", hook.args);
  put(object, "env", hook.env);
  put(object, "timeout", hook.timeout_s);
  return object;
}

Json write_hooks(const Hooks& hooks) {
  Json object = Json::object();
  for (const auto& [key, list] : kHookLists)
    put(object, key, write_list(hooks.*list, write_hook));
  return object;
}

Json write_root(const Root& root) {
  Json object = Json::object();
  put(object, "path", root.path);
  put(object, "readonly", root.readonly);
  return object;
}

}  // namespace

Json write_id_maps(const std::vector<namespaces::IdMap>& maps) {
  return write_list(maps, write_id_map);
}

Json write_spec(const Spec& spec) {
  Json object = {{"ociVersion", spec.oci_version}};
  if (has_process(spec)) object["process"] = write_process(spec.process);
  put(object, "root", write_root(spec.root));
  put(object, "hostname", spec.hostname);
  put(object, "domainname", spec.domainname);
  put(object, "mounts", write_list(spec.mounts, write_mount));
  put(object, "hooks", write_hooks(spec.hooks));
  put(object, "annotations", spec.annotations);
  put(object, "linux", write_linux(spec.os));
  return object;
}

}  // namespace runtime
