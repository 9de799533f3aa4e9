#include "runtime/plan.h"

#include <linux/capability.h>
#include <sys/utsname.h>

#include <algorithm>

#include "base/strings.h"
#include "cgroups/group.h"
#include "cgroups/steps.h"
#include "cgroups/systemd_scope.h"
#include "namespaces/identity_steps.h"
#include "namespaces/net_devices.h"
#include "runtime/clone_step.h"
#include "runtime/hook_steps.h"
#include "runtime/init_steps.h"
#include "runtime/joined_pid.h"
#include "runtime/plan_draft.h"
#include "runtime/process_plan.h"
#include "runtime/spec_validate.h"
#include "security/labels.h"
#include "security/seccomp_steps.h"

namespace runtime {
namespace {

using namespaces::NamespaceSet;

bool joins_v1(const Draft& draft) {
  return draft.has_group && !draft.group.v1.empty();
}

bool has_listener(const Draft& draft) {
  return std::any_of(draft.request.seccomp.begin(), draft.request.seccomp.end(),
                     [](const auto& program) { return !program.listener_path.empty(); });
}

// What is asked for and must be there, before anything is made.
void add_checks(Draft& draft) {
  const Spec& spec = draft.spec;
  if (!spec.process.apparmor_profile.empty())
    draft.add(security::check_apparmor_step(spec.process.apparmor_profile));
  if (!spec.process.selinux_label.empty())
    draft.add(security::check_selinux_step("selinuxLabel", spec.process.selinux_label));
  if (!spec.os.mount_label.empty())
    draft.add(security::check_selinux_step("mountLabel", spec.os.mount_label));
  auto sysctls = namespaces::check_sysctl_namespaces_steps(spec.os.sysctl, draft.own);
  draft.add_all(sysctls);
}

// config-linux.md "Cgroup ownership": who sees the group as root of a hierarchy of its own, and may write
// there, owns it. v1 is never given away.
bool gives_group(const Draft& draft) {
  const bool is_v2 = !draft.group.v2_directory.empty() && draft.group.v1.empty();
  if (!is_v2 || !draft.own.is_new("user") || !draft.own.is_new("cgroup")) return false;
  const auto& mounts = draft.spec.mounts;
  return std::any_of(mounts.begin(), mounts.end(), [](const namespaces::Mount& mount) {
    const auto& options = mount.options;
    return mount.source == "cgroup" && mount.destination == "/sys/fs/cgroup" &&
           std::find(options.begin(), options.end(), "ro") == options.end();
  });
}

// Whether the host may fill v1's hierarchies while the init mounts: nobody but these two is there yet, and
// neither hooks nor the host's other work after the clone expect the init in its cgroups.
bool may_join_late(const Draft& draft) {
  const auto& entries = draft.own.entries();
  const bool enters =
      std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return !entry.path.empty(); });
  // What a mount is filled with counts as the memory of whoever fills it.
  const auto& mounts = draft.spec.mounts;
  const bool fills = std::any_of(mounts.begin(), mounts.end(), [](const namespaces::Mount& mount) {
    return std::find(mount.options.begin(), mount.options.end(), "tmpcopyup") != mount.options.end();
  });
  const bool has_hooks = draft.has_host_hooks() || !draft.spec.hooks.create_container.empty();
  return !enters && !fills && !has_hooks && !draft.own.is_new("user") && draft.spec.os.net_devices.empty() &&
         draft.request.after_clone.empty();
}

StepPtr wait_for_cgroups_step() {
  return wait_for_host_step({"its cgroups on v1 were made and limited while it mounted", "cgroups(7)"});
}

// cgroups are limited before anybody is in them.
Result<StepPtr> add_cgroup(Draft& draft) {
  const auto& resources = draft.spec.os.resources;
  StepPtr scope;
  if (draft.request.systemd_cgroup) {
    cgroups::ScopeRequest request;
    request.unit = TRY(cgroups::systemd_unit(draft.spec.os.cgroups_path, draft.request.id));
    request.id = draft.request.id;
    request.resources = resources;
    request.properties = TRY(of_member(draft.request.names_members, "/annotations",
                                       cgroups::unit_properties(draft.spec.annotations)));
    request.on_v2 = cgroups::systemd_is_on_v2(draft.host.cgroups);
    request.io_directory = cgroups::io_directory_of(draft.group, request.on_v2);
    scope = cgroups::start_scope_step(std::move(request));
  }
  const auto when = may_join_late(draft) ? cgroups::Join::kLate : cgroups::Join::kEarly;
  auto steps = TRY(
      of_member(draft.request.names_members, "/linux/resources",
                cgroups::cgroup_steps(draft.host.cgroups, draft.group, resources, std::move(scope), when)));
  draft.add_all(steps.before_clone);
  draft.late_groups = std::move(steps.after_clone);
  const auto owner = host_user(draft.spec.process, draft.spec.os, draft.own.is_new("user"));
  if (owner && gives_group(draft)) draft.add(cgroups::give_group_step(draft.group, *owner));
  return std::move(steps.join);
}

// Host lane after clone: what only the outside may do. True when the init waits for it.
Result<bool> add_configuration(Draft& draft) {
  const bool maps = draft.own.is_new("user");
  const auto& devices = draft.spec.os.net_devices;
  StepPtr grants = TRY(grants_of(draft.spec.process, draft.own.is_separate("user")));
  const bool waits = maps || grants || !draft.request.after_clone.empty() || !devices.empty();
  if (maps) {
    draft.add(namespaces::write_id_maps_step(draft.spec.os.uid_mappings, draft.spec.os.gid_mappings));
  }
  if (grants) draft.add(std::move(grants));
  for (const auto& device : devices) {
    draft.add(namespaces::move_net_device_step(
        {device.host_name, device.container_name, draft.own.path_of("network").value_or("")}));
  }
  draft.add_all(draft.request.after_clone);
  return waits;
}

// Host lane: all that is ready before the init exists, one clone, its configuration.
Result<StepPtr> add_host_lane(Draft& draft) {
  StepPtr join;
  add_checks(draft);
  draft.add_all(draft.request.before_clone);
  if (draft.has_group) join = TRY(add_cgroup(draft));
  for (const auto& program : draft.request.seccomp) {
    if (!program.listener_path.empty())
      draft.add(security::connect_seccomp_agent_step(program.listener_path));
  }
  TRY(add_host_trees(draft));
  if (draft.has_host_hooks()) draft.add(open_hook_channel_step());
  if (auto path = draft.own.path_of("pid")) {
    draft.add(open_pid_namespace_step(*path));
    const size_t count = procfs_count(draft.spec, draft.own.is_separate("user"));
    if (count != 0) draft.add(open_joined_procfs_step(count, draft.request.no_pivot));
  }
  add_streams(draft.steps, draft.spec.process, draft.spec.os, draft.own.is_separate("user"));
  draft.add(std::make_unique<CloneStep>(draft.own, joins_v1(draft)));
  const bool waits = TRY(add_configuration(draft));
  if (!draft.late_groups.empty()) {
    draft.add_all(draft.late_groups);
    draft.late_join.push_back(wait_for_cgroups_step());
    draft.late_join.push_back(std::move(join));
    if (draft.own.is_new("cgroup")) draft.late_join.push_back(namespaces::unshare_cgroup_step());
  }
  if (draft.has_host_hooks()) {
    draft.add(host_hooks_step(draft.spec.hooks, draft.hook_state()));
    if (waits) draft.add(wait_for_configuration_step());
  } else if (waits) {
    draft.add(wait_for_host_step({"id maps and network are set from outside", "user_namespaces(7)"}));
  }
  return join;
}

std::vector<namespaces::ClockOffset> clock_offsets(const Spec& spec) {
  std::vector<namespaces::ClockOffset> offsets;
  for (const auto& offset : spec.os.time_offsets)
    offsets.push_back({offset.clock, offset.seconds, offset.nanoseconds});
  return offsets;
}

// Init lane, first part: into the namespaces.
Result<void> add_namespaces(Draft& draft, StepPtr join) {
  if (has_listener(draft)) draft.add(security::learn_host_pid_step());
  for (const auto& kind : namespaces::namespace_kinds()) {
    auto path = draft.own.path_of(kind.spec_name);
    if (path && std::string_view(kind.spec_name) != "pid" && !CloneStep::joins_by_helper(draft.own))
      draft.add(namespaces::join_namespace_step(kind, *path));
  }
  if (join) draft.add(std::move(join));
  if (CloneStep::joins_by_helper(draft.own) && draft.own.path_of("cgroup"))
    draft.add(join_kept_cgroup_namespace_step());
  // Who has become root of a user namespace does not own its /proc/self before it executes.
  if (draft.own.is_new("time")) draft.add(namespaces::time_namespace_step(clock_offsets(draft.spec)));
  if (draft.own.is_separate("user")) draft.add(namespaces::become_root_step());
  if (draft.own.is_new("cgroup") && joins_v1(draft) && draft.late_join.empty())
    draft.add(namespaces::unshare_cgroup_step());
  if (draft.own.is_new("network")) draft.add(namespaces::loopback_up_step());
  if (!draft.spec.hostname.empty()) draft.add(namespaces::hostname_step(draft.spec.hostname));
  if (!draft.spec.domainname.empty()) draft.add(namespaces::domainname_step(draft.spec.domainname));
  return ok();
}

}  // namespace

namespace {

// "6.1.0-28-amd64" into 6 and 1; what does not parse leaves the defaults.
void read_version(std::string_view release, HostFacts& host) {
  const size_t dot = release.find('.');
  if (dot == std::string_view::npos) return;
  const std::string_view rest = release.substr(dot + 1);
  const auto major = parse_uint(release.substr(0, dot));
  const auto minor = parse_uint(rest.substr(0, rest.find_first_not_of("0123456789")));
  if (!major || !minor) return;
  host.kernel_major = static_cast<unsigned>(*major);
  host.kernel_minor = static_cast<unsigned>(*minor);
}

}  // namespace

Result<HostFacts> collect_host_facts() {
  HostFacts host;
  host.cgroups = TRY(cgroups::read_layout());
  host.can_raise_rlimits = security::own_bounding_set(security::CapabilityMask{1} << CAP_SYS_RESOURCE) != 0;
  utsname name = {};
  if (::uname(&name) == 0) read_version(name.release, host);
  return host;
}

Result<std::string> cgroup_path_of(const PlanRequest& request) {
  if (!request.systemd_cgroup) return request.spec->os.cgroups_path;
  auto unit = TRY(of_member(request.names_members, "/linux/cgroupsPath",
                            cgroups::systemd_unit(request.spec->os.cgroups_path, request.id)));
  return std::move(unit.path);
}

Result<Plan> make_plan(PlanRequest request, const HostFacts& host) {
  const Spec& spec = *request.spec;
  TRY(validate_spec(spec));
  Draft draft = {std::move(request), spec, host, TRY(NamespaceSet::from(spec.os.namespaces))};
  const std::string cgroup_path = TRY(cgroup_path_of(draft.request));
  if (!cgroup_path.empty()) {
    draft.group = TRY(of_member(draft.request.names_members, "/linux/cgroupsPath",
                                cgroups::group_at(host.cgroups, cgroup_path)));
    draft.has_group = true;
  }
  StepPtr join = TRY(add_host_lane(draft));
  TRY(add_namespaces(draft, std::move(join)));
  TRY(add_rootfs(draft));
  if (draft.own.path_of("pid")) draft.add(be_born_inside_step(draft.request.preserve_fds));
  ProcessPlan process;
  process.process = &spec.process;
  process.os = &spec.os;
  process.is_init = true;
  process.names_members = draft.request.names_members;
  process.new_keyring = !draft.request.no_new_keyring;
  process.hooks = &spec.hooks;
  process.hook_state = draft.hook_state();
  process.seccomp = std::move(draft.request.seccomp);
  process.listened = {draft.request.id, draft.request.bundle, spec.oci_version, spec.annotations};
  process.preserve_fds = draft.request.preserve_fds;
  process.in_user_namespace = draft.own.is_separate("user");
  TRY(add_process_steps(draft.steps, std::move(process)));
  return std::move(draft.steps);
}

}  // namespace runtime
