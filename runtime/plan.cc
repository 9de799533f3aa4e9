#include "runtime/plan.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>

#include "base/file.h"
#include "base/strings.h"
#include "cgroups/group.h"
#include "cgroups/steps.h"
#include "namespaces/device_steps.h"
#include "namespaces/identity_steps.h"
#include "namespaces/mount_steps.h"
#include "namespaces/rootfs.h"
#include "runtime/clone_step.h"
#include "runtime/init_steps.h"
#include "runtime/process_plan.h"
#include "security/seccomp_steps.h"

namespace runtime {
namespace {

using namespaces::NamespaceSet;

// The plan while it grows: the request, what was derived from it, and the list.
struct Draft {
  PlanRequest request;
  const Spec& spec;
  const HostFacts& host;
  NamespaceSet own;
  cgroups::Group group;
  bool has_group = false;
  Plan steps;

  void add(StepPtr step) { steps.push_back(std::move(step)); }
  void add_all(std::vector<StepPtr>& more) {
    for (auto& step : more)
      steps.push_back(std::move(step));
  }
};

bool joins_v1(const Draft& draft) {
  return draft.has_group && !draft.group.v1.empty();
}

// Host lane: cgroups are limited before anybody is in them, then one clone, then what only the outside may
// do.
Result<StepPtr> add_host_lane(Draft& draft) {
  StepPtr join;
  draft.add_all(draft.request.before_clone);
  if (draft.has_group) {
    auto steps =
        TRY(cgroups::cgroup_steps(draft.host.cgroups, draft.spec.os.cgroups_path, draft.spec.os.resources));
    draft.add_all(steps.before_clone);
    join = std::move(steps.join);
  }
  for (const auto& program : draft.request.seccomp) {
    if (!program.listener_path.empty())
      draft.add(security::connect_seccomp_agent_step(program.listener_path));
  }
  if (auto path = draft.own.path_of("pid")) {
    draft.add(namespaces::join_namespace_step(*namespaces::find_namespace_kind("pid"), *path));
  }
  draft.add(std::make_unique<CloneStep>(draft.own, joins_v1(draft)));
  const bool waits = draft.own.is_new("user") || !draft.request.after_clone.empty();
  if (draft.own.is_new("user")) {
    draft.add(namespaces::write_id_maps_step(draft.spec.os.uid_mappings, draft.spec.os.gid_mappings));
  }
  draft.add_all(draft.request.after_clone);
  if (waits) draft.add(wait_for_host_step());
  return join;
}

// Init lane, first part: into the namespaces.
Result<void> add_namespaces(Draft& draft, StepPtr join) {
  for (const auto& kind : namespaces::namespace_kinds()) {
    auto path = draft.own.path_of(kind.spec_name);
    if (path && std::string_view(kind.spec_name) != "pid")
      draft.add(namespaces::join_namespace_step(kind, *path));
  }
  if (join) draft.add(std::move(join));
  if (draft.own.is_new("user") || draft.own.path_of("user")) draft.add(namespaces::become_root_step());
  if (draft.own.is_new("cgroup") && joins_v1(draft)) draft.add(namespaces::unshare_cgroup_step());
  if (draft.own.is_new("time")) {
    std::vector<namespaces::ClockOffset> offsets;
    for (const auto& offset : draft.spec.os.time_offsets)
      offsets.push_back({offset.clock, offset.seconds, offset.nanoseconds});
    draft.add(namespaces::time_namespace_step(std::move(offsets)));
  }
  if (draft.own.is_new("network")) draft.add(namespaces::loopback_up_step());
  if (!draft.spec.hostname.empty()) draft.add(namespaces::hostname_step(draft.spec.hostname));
  if (!draft.spec.domainname.empty()) draft.add(namespaces::domainname_step(draft.spec.domainname));
  return ok();
}

bool is_cgroup_mount(const namespaces::Mount& mount) {
  return mount.type == "cgroup" || mount.type == "cgroup2";
}

// The container's cgroups as it sees them: what group.container_view() lists, below the mount's destination.
StepPtr cgroup_mount(const Draft& draft, const namespaces::Mount& mount) {
  const std::string destination = namespaces::clean_path(mount.destination);
  std::vector<namespaces::CgroupBind> binds;
  std::vector<std::pair<std::string, std::string>> links;
  constexpr std::string_view kDefault = "/sys/fs/cgroup";
  for (const auto& view : cgroups::container_view(draft.group)) {
    const std::string below = view.destination.substr(std::min(kDefault.size(), view.destination.size()));
    binds.push_back({destination + below, view.source});
    const std::string name = view.destination.substr(view.destination.rfind('/') + 1);
    for (const auto& link : view.links)
      links.emplace_back(link, name);
  }
  const bool read_only = std::find(mount.options.begin(), mount.options.end(), "rw") == mount.options.end();
  return namespaces::cgroup_view_step(destination, std::move(binds), std::move(links), read_only);
}

Result<void> add_devices(Draft& draft) {
  auto nodes = namespaces::default_device_nodes();
  for (const auto& device : draft.spec.os.devices) {
    const mode_t type = device.type == 'b' ? S_IFBLK : device.type == 'p' ? S_IFIFO : S_IFCHR;
    namespaces::DeviceNode node = {device.path,
                                   type,
                                   static_cast<unsigned>(device.major),
                                   static_cast<unsigned>(device.minor),
                                   device.mode.value_or(0666) & 07777U,
                                   device.uid.value_or(0),
                                   device.gid.value_or(0)};
    auto same =
        std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return n.path == device.path; });
    if (same == nodes.end()) {
      nodes.push_back(std::move(node));
    } else {
      *same = std::move(node);
    }
  }
  const bool in_user_namespace = draft.own.is_separate("user");
  draft.add(namespaces::device_nodes_step(std::move(nodes), in_user_namespace));
  draft.add(namespaces::device_links_step());
  return ok();
}

bool needs_procfs(const Spec& spec) {
  return !spec.os.sysctl.empty() || spec.process.oom_score_adj.has_value();
}

// Init lane, second part: the file system view, up to the pivot.
Result<void> add_rootfs(Draft& draft) {
  const Spec& spec = draft.spec;
  if (!draft.own.is_separate("mount")) return invalid("a container needs a mount namespace of its own");
  if (needs_procfs(spec)) draft.add(namespaces::open_procfs_step());
  draft.add(namespaces::isolate_propagation_step(spec.os.rootfs_propagation));
  draft.add_all(draft.request.before_rootfs);
  const bool absolute = !spec.root.path.empty() && spec.root.path.front() == '/';
  const std::string root = absolute ? spec.root.path : draft.request.bundle + "/" + spec.root.path;
  draft.add(namespaces::open_root_step(root, draft.request.rootfs_is_mount));
  for (const auto& mount : spec.mounts) {
    if (is_cgroup_mount(mount) && draft.has_group) {
      draft.add(cgroup_mount(draft, mount));
    } else {
      draft.add(TRY(namespaces::mount_step(mount)));
    }
  }
  TRY(add_devices(draft));
  if (spec.process.terminal) {
    draft.add(console_step(spec.process, ConsoleDevice::kShow));
  }
  if (!spec.os.sysctl.empty()) draft.add(TRY(namespaces::sysctl_step(spec.os.sysctl, draft.own)));
  if (!spec.os.masked_paths.empty()) draft.add(namespaces::mask_paths_step(spec.os.masked_paths));
  if (!spec.os.readonly_paths.empty()) draft.add(namespaces::readonly_paths_step(spec.os.readonly_paths));
  if (spec.root.readonly) draft.add(namespaces::readonly_root_step());
  draft.add(namespaces::pivot_root_step(spec.os.rootfs_propagation));
  return ok();
}

}  // namespace

Result<HostFacts> collect_host_facts() {
  HostFacts host;
  host.cgroups = TRY(cgroups::read_layout());
  host.bounding_set = security::own_bounding_set();
  host.can_raise_rlimits = ((host.bounding_set >> static_cast<unsigned>(CAP_SYS_RESOURCE)) & 1U) != 0;
  utsname name = {};
  if (::uname(&name) == 0) {
    // NOLINTNEXTLINE(cert-err34-c): what does not parse leaves the defaults
    (void)std::sscanf(name.release, "%u.%u", &host.kernel_major, &host.kernel_minor);
  }
  return host;
}

Result<Plan> make_plan(PlanRequest request, const HostFacts& host) {
  const Spec& spec = *request.spec;
  Draft draft = {std::move(request), spec, host, TRY(NamespaceSet::from(spec.os.namespaces)), {}, false, {}};
  if (!spec.os.cgroups_path.empty()) {
    draft.group = TRY(cgroups::group_at(host.cgroups, spec.os.cgroups_path));
    draft.has_group = true;
  }
  StepPtr join = TRY(add_host_lane(draft));
  TRY(add_namespaces(draft, std::move(join)));
  TRY(add_rootfs(draft));
  TRY(add_process_steps(draft.steps, {&spec.process,
                                      spec.os.personality_domain,
                                      std::move(draft.request.seccomp),
                                      {draft.request.id, draft.request.bundle, spec.oci_version},
                                      draft.request.preserve_fds}));
  return std::move(draft.steps);
}

}  // namespace runtime
