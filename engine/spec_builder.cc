#include "engine/spec_builder.h"

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "engine/environment.h"
#include "engine/spec_mounts.h"
#include "security/capabilities.h"
#include "security/seccomp_profile.h"

namespace engine {

namespace {

constexpr std::string_view kContainerMode = "container:";

struct NamespaceChoice {
  const char* type;
  std::string mode;
};

std::vector<namespaces::Namespace> container_namespaces(const SpecInputs& inputs) {
  const RunRequest& request = inputs.record->request;
  const NamespaceChoice choices[] = {{"pid", request.pid_mode},
                                     {"ipc", request.ipc_mode},
                                     {"uts", request.uts_mode},
                                     {"network", request.network_mode},
                                     {"cgroup", request.cgroupns_mode}};
  std::vector<namespaces::Namespace> result = {{"mount", ""}};
  for (const auto& choice : choices) {
    const Sharing sharing = sharing_of(choice.mode);
    if (sharing == Sharing::kOwn) result.push_back({choice.type, ""});
    if (sharing != Sharing::kContainer) continue;
    const auto path = inputs.joined.find(choice.type);
    if (path != inputs.joined.end()) result.push_back({choice.type, path->second});
  }
  return result;
}

std::string working_directory(const ContainerRecord& record) {
  if (!record.request.workdir.empty()) return record.request.workdir;
  return record.image.workdir.empty() ? "/" : record.image.workdir;
}

Result<void> set_process(const SpecInputs& inputs, runtime::Process& process) {
  const ContainerRecord& record = *inputs.record;
  const RunRequest& request = record.request;
  process.terminal = request.tty;
  process.console_height = inputs.console_rows;
  process.console_width = inputs.console_columns;
  process.user.uid = inputs.user.uid;
  process.user.gid = inputs.user.gid;
  process.user.additional_gids = inputs.user.additional_gids;
  process.args = record.args;
  if (!inputs.init_program.empty()) process.args.insert(process.args.begin(), {kInitPath, "--"});
  process.env = container_environment({.image = record.image.env,
                                       .request = request.env,
                                       .hostname = record.hostname,
                                       .home = inputs.user.home,
                                       .tty = request.tty});
  process.cwd = working_directory(record);
  if (!process.cwd.starts_with('/'))
    return invalid("the working directory '" + process.cwd + "' is invalid, it needs to be an absolute path");
  const auto capabilities = TRY(container_capabilities(request, inputs.host_capabilities));
  process.capabilities = security::capability_sets_for(capabilities, inputs.user.uid);
  process.rlimits = inputs.rlimits;
  process.no_new_privileges = inputs.security.no_new_privileges;
  process.oom_score_adj = request.oom_score_adj;
  return ok();
}

void set_devices(const SpecInputs& inputs, runtime::Linux& os) {
  if (inputs.record->request.privileged) {
    os.resources.devices = {allow_all_devices()};
    os.devices = inputs.host_devices;
  } else {
    os.resources.devices = default_device_rules();
  }
  for (const auto& grant : inputs.devices) {
    os.devices.push_back(grant.node);
    if (!inputs.record->request.privileged) os.resources.devices.push_back(grant.rule);
  }
  for (const auto& rule : inputs.device_rules)
    os.resources.devices.push_back(rule);
}

void set_sysctls(const SpecInputs& inputs, runtime::Linux& os) {
  const RunRequest& request = inputs.record->request;
  if (sharing_of(request.network_mode) == Sharing::kOwn) {
    // Ping without CAP_NET_RAW, ports below 1024 without CAP_NET_BIND_SERVICE.
    os.sysctl["net.ipv4.ping_group_range"] = "0 2147483647";
    os.sysctl["net.ipv4.ip_unprivileged_port_start"] = "0";
  }
  for (const auto& [name, value] : request.sysctls)
    os.sysctl[name] = value;
}

Result<void> set_security(const SpecInputs& inputs, runtime::Spec& spec) {
  const bool privileged = inputs.record->request.privileged;
  if (!privileged && !inputs.security.system_paths_unconfined) {
    spec.os.masked_paths = inputs.masked_paths;
    spec.os.readonly_paths = inputs.readonly_paths;
  }
  if (privileged || inputs.security.seccomp_unconfined) return ok();
  security::ProfileFacts facts;
  facts.capabilities = spec.process.capabilities->bounding;
  facts.kernel_major = inputs.kernel_major;
  facts.kernel_minor = inputs.kernel_minor;
  const std::string& own = inputs.security.seccomp_profile;
  if (own.empty()) {
    spec.os.seccomp = security::default_filter(facts);
    return ok();
  }
  const Json profile = TRY_IN("seccomp profile", parse_json(own));
  spec.os.seccomp = TRY_IN("seccomp profile", security::resolve_profile(profile, facts));
  return ok();
}

}  // namespace

Sharing sharing_of(const std::string& mode) {
  if (mode == "host") return Sharing::kHost;
  return mode.starts_with(kContainerMode) ? Sharing::kContainer : Sharing::kOwn;
}

std::string container_of(const std::string& mode) {
  return mode.starts_with(kContainerMode) ? mode.substr(kContainerMode.size()) : "";
}

Result<security::CapabilityMask> container_capabilities(const RunRequest& request,
                                                        security::CapabilityMask host_capabilities) {
  security::CapabilityChanges changes;
  changes.add = request.cap_add;
  changes.drop = request.cap_drop;
  changes.privileged = request.privileged;
  const auto wanted = TRY(security::change_capabilities(security::default_capabilities(), changes));
  for (const auto& name : request.cap_add) {
    const auto number = security::capability_number(name);
    const bool dropped = !number || ((wanted >> static_cast<unsigned>(*number)) & 1U) == 0;
    if (dropped || ((host_capabilities >> static_cast<unsigned>(*number)) & 1U) != 0) continue;
    return unsupported("--cap-add " + name + ": vial itself does not have " +
                       security::capability_name(*number) +
                       " here (see the bounding set in /proc/self/status)");
  }
  return wanted & host_capabilities;
}

Result<runtime::Spec> build_spec(const SpecInputs& inputs) {
  const ContainerRecord& record = *inputs.record;
  runtime::Spec spec;
  TRY(set_process(inputs, spec.process));
  spec.root.path = "rootfs";
  spec.root.readonly = record.request.read_only;
  if (sharing_of(record.request.uts_mode) == Sharing::kOwn) {
    spec.hostname = record.hostname;
    spec.domainname = record.request.domainname;
  }
  spec.mounts = container_mounts(inputs);
  spec.os.namespaces = container_namespaces(inputs);
  spec.os.cgroups_path = inputs.cgroups_path;
  spec.os.resources = inputs.resources;
  set_devices(inputs, spec.os);
  set_sysctls(inputs, spec.os);
  TRY(set_security(inputs, spec));
  return spec;
}

}  // namespace engine
