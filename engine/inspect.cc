// The object of `docker inspect`: field names, and null versus [] versus "", as Docker has them.
#include "base/process.h"
#include "base/units.h"
#include "engine/environment.h"
#include "engine/host_inputs.h"
#include "engine/limits.h"
#include "engine/operations.h"
#include "engine/process_options.h"
#include "security/masked_paths.h"

namespace engine {

namespace {

constexpr const char* kZeroTime = "0001-01-01T00:00:00Z";

std::string time_or_zero(int64_t time_ns) {
  return time_ns == 0 ? kZeroTime : format_time(time_ns);
}

Json null_if_empty(const std::vector<std::string>& values) {
  return values.empty() ? Json() : Json(values);
}

Json object_of(const std::map<std::string, std::string>& values) {
  Json object = Json::object();
  for (const auto& [key, value] : values)
    object[key] = value;
  return object;
}

// {"80/tcp": {}}, or null.
Json set_of(const std::vector<std::string>& values) {
  if (values.empty()) return {};
  Json object = Json::object();
  for (const auto& value : values)
    object[value] = Json::object();
  return object;
}

Json state_json(const CurrentState& state) {
  const Status status = state.status;
  const ExitRecord exit = state.last_exit.value_or(ExitRecord{});
  const bool runs = state.pid != 0;
  Json json = {{"Status", status_name(status)},
               {"Running", runs},
               {"Paused", status == Status::kPaused},
               {"Restarting", status == Status::kRestarting},
               {"OOMKilled", !runs && exit.oom_killed},
               {"Dead", status == Status::kDead},
               {"Pid", state.pid},
               {"ExitCode", runs ? 0 : exit.code},
               {"Error", runs ? "" : exit.error},
               {"StartedAt", time_or_zero(runs ? state.run.started_ns : exit.started_ns)},
               {"FinishedAt", time_or_zero(exit.finished_ns)}};
  if (runs && !state.monitored) json["Unmonitored"] = true;
  return json;
}

// [{"Path": "/dev/sda", "Rate": 1048576}], or null.
Json rates_json(const std::vector<std::string>& texts, bool in_bytes) {
  Json array = Json::array();
  for (const auto& text : texts) {
    const auto parsed = parse_device_rate(text, in_bytes);
    if (parsed) array.push_back({{"Path", parsed->path}, {"Rate", parsed->rate}});
  }
  return array.empty() ? Json() : array;
}

Json limits_json(const Limits& limits) {
  const auto number = [](const std::optional<int64_t>& value) { return Json(value.value_or(0)); };
  const int64_t memory = limits.memory_bytes.value_or(0);
  return {{"Memory", memory},
          {"MemorySwap", limits.memory_swap_bytes.value_or(2 * memory)},
          {"MemoryReservation", number(limits.memory_reservation_bytes)},
          {"MemorySwappiness", limits.memory_swappiness ? Json(*limits.memory_swappiness) : Json()},
          {"OomKillDisable", limits.oom_kill_disable},
          {"NanoCpus", number(limits.nano_cpus)},
          {"CpuShares", number(limits.cpu_shares)},
          {"CpuPeriod", number(limits.cpu_period_us)},
          {"CpuQuota", number(limits.cpu_quota_us)},
          {"CpusetCpus", limits.cpuset_cpus},
          {"CpusetMems", limits.cpuset_mems},
          {"PidsLimit", limits.pids_limit.value_or(kDefaultPidsLimit)},
          {"BlkioWeight", number(limits.blkio_weight)},
          {"BlkioDeviceReadBps", rates_json(limits.device_read_bps, true)},
          {"BlkioDeviceWriteBps", rates_json(limits.device_write_bps, true)},
          {"BlkioDeviceReadIOps", rates_json(limits.device_read_iops, false)},
          {"BlkioDeviceWriteIOps", rates_json(limits.device_write_iops, false)}};
}

Json ulimits_json(const std::vector<std::string>& ulimits) {
  Json array = Json::array();
  for (const auto& text : ulimits) {
    const auto limit = parse_ulimit(text);
    if (!limit) continue;
    array.push_back({{"Name", text.substr(0, text.find('='))},
                     {"Soft", limit->soft == UINT64_MAX ? -1 : static_cast<int64_t>(limit->soft)},
                     {"Hard", limit->hard == UINT64_MAX ? -1 : static_cast<int64_t>(limit->hard)}});
  }
  return array.empty() ? Json() : array;
}

Json devices_json(const std::vector<std::string>& devices) {
  Json array = Json::array();
  for (const auto& text : devices) {
    const auto device = parse_device(text);
    if (!device) continue;
    array.push_back({{"PathOnHost", device->host},
                     {"PathInContainer", device->container},
                     {"CgroupPermissions", device->access}});
  }
  return array;
}

Json tmpfs_json(const std::vector<std::string>& tmpfs) {
  if (tmpfs.empty()) return {};
  Json object = Json::object();
  for (const auto& text : tmpfs) {
    const size_t colon = text.find(':');
    object[text.substr(0, colon)] = colon == std::string::npos ? "" : text.substr(colon + 1);
  }
  return object;
}

std::string network_mode(const RunRequest& request) {
  return request.network_mode.empty() ? "none" : request.network_mode;
}

Json host_config_json(const RunRequest& request) {
  Json json = limits_json(request.limits);
  const auto security = parse_security_options(request.security_opts);
  const bool is_open = request.privileged || (security && security->system_paths_unconfined);
  const Json more = {{"Binds", null_if_empty(request.volumes)},
                     {"NetworkMode", network_mode(request)},
                     {"PortBindings", Json::object()},
                     {"RestartPolicy", {{"Name", "no"}, {"MaximumRetryCount", 0}}},
                     {"AutoRemove", request.remove},
                     {"CapAdd", null_if_empty(request.cap_add)},
                     {"CapDrop", null_if_empty(request.cap_drop)},
                     {"CgroupnsMode", request.cgroupns_mode.empty() ? "private" : request.cgroupns_mode},
                     {"CgroupParent", request.cgroup_parent},
                     {"Devices", devices_json(request.devices)},
                     {"DeviceCgroupRules", null_if_empty(request.device_cgroup_rules)},
                     {"Dns", request.dns},
                     {"DnsOptions", request.dns_options},
                     {"DnsSearch", request.dns_search},
                     {"ExtraHosts", null_if_empty(request.extra_hosts)},
                     {"GroupAdd", null_if_empty(request.group_add)},
                     {"Init", request.init},
                     {"IpcMode", request.ipc_mode.empty() ? "private" : request.ipc_mode},
                     {"LogConfig",
                      {{"Type", request.log_driver.empty() ? "json-file" : request.log_driver},
                       {"Config", object_of(request.log_opts)}}},
                     {"OomScoreAdj", request.oom_score_adj.value_or(0)},
                     {"PidMode", request.pid_mode},
                     {"Privileged", request.privileged},
                     {"ReadonlyRootfs", request.read_only},
                     {"Runtime", "vial"},
                     {"SecurityOpt", null_if_empty(request.security_opts)},
                     {"ShmSize", request.shm_bytes.value_or(kDefaultShmBytes)},
                     {"Sysctls", object_of(request.sysctls)},
                     {"Tmpfs", tmpfs_json(request.tmpfs)},
                     {"Ulimits", ulimits_json(request.ulimits)},
                     {"UTSMode", request.uts_mode},
                     {"UsernsMode", request.userns_mode},
                     {"MaskedPaths", is_open ? Json() : Json(security::masked_paths_of_this_host())},
                     {"ReadonlyPaths", is_open ? Json() : Json(security::default_readonly_paths())}};
  json.update(more);
  return json;
}

Json mounts_json(const std::vector<MountPoint>& mounts) {
  Json array = Json::array();
  for (const auto& mount : mounts) {
    Json json = {{"Type", mount.type},
                 {"Source", mount.source},
                 {"Destination", mount.destination},
                 {"Mode", mount.mode},
                 {"RW", !mount.read_only},
                 {"Propagation", mount.type != "bind"        ? ""
                                 : mount.propagation.empty() ? "rprivate"
                                                             : mount.propagation}};
    if (mount.type == "volume") {
      json["Name"] = mount.name;
      json["Driver"] = "local";
    }
    array.push_back(std::move(json));
  }
  return array;
}

Json config_json(const ContainerRecord& record) {
  const RunRequest& request = record.request;
  Json entrypoint = null_if_empty(record.image.entrypoint);
  if (request.entrypoint) entrypoint = request.entrypoint->empty() ? Json() : Json{*request.entrypoint};
  const bool own_command = !request.command.empty() || request.entrypoint;
  const bool attached = !request.detach;
  return {{"Hostname", record.hostname},
          {"Domainname", request.domainname},
          {"User", request.user.empty() ? record.image.user : request.user},
          {"AttachStdin", attached && request.interactive},
          {"AttachStdout", attached},
          {"AttachStderr", attached},
          {"Tty", request.tty},
          {"OpenStdin", request.interactive},
          {"StdinOnce", attached && request.interactive},
          {"Env", combined_environment(record.image.env, request.env)},
          {"Cmd", null_if_empty(own_command ? request.command : record.image.command)},
          {"Image", record.image.reference},
          {"Volumes", set_of(record.image.volumes)},
          {"ExposedPorts", set_of(record.image.exposed_ports)},
          {"WorkingDir", request.workdir.empty() ? record.image.workdir : request.workdir},
          {"Entrypoint", entrypoint},
          {"Labels", object_of(labels_of(record))},
          {"StopSignal", record.stop_signal},
          {"StopTimeout", request.stop_timeout_s ? Json(*request.stop_timeout_s) : Json()}};
}

Json graph_driver_json(const Store& store, const ContainerRecord& record) {
  const Snapshot snapshot = snapshot_of(store, record);
  auto lower = snapshot_directories(snapshot);
  lower.erase(lower.begin());
  std::string joined;
  for (const auto& directory : lower)
    joined += (joined.empty() ? "" : ":") + directory;
  const std::string own = snapshot.container_directory;
  return {{"Name", "overlay2"},
          {"Data",
           {{"LowerDir", joined},
            {"UpperDir", own + "/upper"},
            {"WorkDir", own + "/work"},
            {"MergedDir", own + "/rootfs"}}}};
}

Json network_json(const ContainerRecord& record, const CurrentState& state) {
  const std::string mode = network_mode(record.request);
  Json networks = Json::object();
  if (mode == "none" || mode == "host") {
    networks[mode] = {{"IPAddress", ""}, {"Gateway", ""},    {"Aliases", Json()},
                      {"NetworkID", ""}, {"EndpointID", ""}, {"MacAddress", ""}};
  }
  const std::string sandbox = state.pid != 0 ? "/proc/" + std::to_string(state.pid) + "/ns/net" : "";
  return {{"Ports", Json::object()}, {"IPAddress", ""},       {"Gateway", ""},
          {"MacAddress", ""},        {"SandboxKey", sandbox}, {"Networks", networks}};
}

}  // namespace

Json inspect_container(const Store& store, const Container& container) {
  const ContainerRecord& record = container.record;
  const std::string run = store.run_directory(record.id);
  Json args = Json::array();
  for (size_t i = 1; i < record.args.size(); ++i)
    args.push_back(record.args[i]);
  const bool has_log = record.request.log_driver != "none";
  return {{"Id", record.id},
          {"Created", format_time(record.created_ns)},
          {"Path", record.args.empty() ? "" : record.args[0]},
          {"Args", args},
          {"State", state_json(container.state)},
          {"Image", record.image.id},
          {"ResolvConfPath", run + "/resolv.conf"},
          {"HostnamePath", run + "/hostname"},
          {"HostsPath", run + "/hosts"},
          {"LogPath", has_log ? store.container_directory(record.id) + "/log" : ""},
          {"Name", "/" + record.name},
          {"RestartCount", 0},
          {"Driver", "overlay2"},
          {"Platform", "linux"},
          {"MountLabel", ""},
          {"ProcessLabel", ""},
          {"AppArmorProfile", ""},
          {"ExecIDs", Json()},
          {"HostConfig", host_config_json(record.request)},
          {"GraphDriver", graph_driver_json(store, record)},
          {"Mounts", mounts_json(record.mounts)},
          {"Config", config_json(record)},
          {"NetworkSettings", network_json(record, container.state)}};
}

}  // namespace engine
