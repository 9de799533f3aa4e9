// The plan's part on the file system: the mounts, devices and paths of a container, up to the pivot.
#include <sys/stat.h>

#include <algorithm>

#include "base/strings.h"
#include "namespaces/device_steps.h"
#include "namespaces/identity_steps.h"
#include "namespaces/mount_steps.h"
#include "namespaces/rootfs.h"
#include "runtime/hook_steps.h"
#include "runtime/init_steps.h"
#include "runtime/plan_draft.h"
#include "runtime/process_plan.h"
#include "runtime/spec_validate.h"

namespace runtime {
namespace {

bool is_cgroup_mount(const namespaces::Mount& mount) {
  return mount.type == "cgroup" || mount.type == "cgroup2";
}

bool has_option(const namespaces::Mount& mount, const char* option) {
  return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

bool is_bind(const namespaces::Mount& mount) {
  return mount.type == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
}

std::string in_bundle(const Draft& draft, const std::string& path) {
  return path.empty() || path.front() == '/' ? path : draft.request.bundle + "/" + path;
}

// runtime-spec config.md "Mounts": a bind's source is taken from the bundle when it is relative.
std::string bind_source(const Draft& draft, const namespaces::Mount& mount) {
  return in_bundle(draft, mount.source);
}

// As with crun, so are an overlay's directories; but not where the bundle's own name would have to be
// escaped.
void find_in_bundle(const Draft& draft, namespaces::Mount& overlay) {
  if (draft.request.bundle.find_first_of(":,\\") != std::string::npos) return;
  for (std::string& option : overlay.options) {
    const size_t begin = option.find('=') + 1;
    const std::string name = option.substr(0, begin);
    if (name == "upperdir=" || name == "workdir=") option = name + in_bundle(draft, option.substr(begin));
    if (name != "lowerdir=") continue;
    std::vector<std::string> directories = split(option.substr(begin), ':');
    for (std::string& directory : directories)
      directory = in_bundle(draft, directory);
    option = name + join(directories, ":");
  }
}

// The container's cgroups as it sees them: what group.container_view() lists, below the mount's destination.
StepPtr cgroup_mount(const Draft& draft, const namespaces::Mount& mount) {
  const std::string destination = namespaces::clean_path(mount.destination);
  std::vector<namespaces::CgroupBind> binds;
  std::vector<std::pair<std::string, std::string>> links;
  const bool read_only = has_option(mount, "ro");
  // Who says cgroup2 on a hybrid host means v2's hierarchy; "cgroup" is all of them.
  if (mount.type == "cgroup2" && !draft.group.v1.empty() && !draft.group.v2_directory.empty()) {
    binds.push_back({destination, draft.group.v2_directory});
    return namespaces::cgroup_view_step(destination, std::move(binds), std::move(links), read_only);
  }
  constexpr std::string_view kDefault = "/sys/fs/cgroup";
  for (const auto& view : cgroups::container_view(draft.group)) {
    const std::string below = view.destination.substr(std::min(kDefault.size(), view.destination.size()));
    // On v2 /proc/self/cgroup names the cgroup from the host's root when there is no cgroup namespace: that
    // is what must be here, too. Beside v1 a container never saw more than its own.
    const bool whole = draft.group.v1.empty() && !draft.own.is_separate("cgroup");
    binds.push_back({destination + below, whole ? view.mount_point : view.source});
    const std::string name = view.destination.substr(view.destination.rfind('/') + 1);
    for (const auto& link : view.links)
      links.emplace_back(link, name);
  }
  return namespaces::cgroup_view_step(destination, std::move(binds), std::move(links), read_only);
}

namespaces::DeviceNode device_node(const Device& device) {
  const mode_t type = device.type == 'b' ? S_IFBLK : device.type == 'p' ? S_IFIFO : S_IFCHR;
  return {device.path,
          type,
          static_cast<unsigned>(device.major),
          static_cast<unsigned>(device.minor),
          device.mode.value_or(0666) & 07777U,
          device.uid.value_or(0),
          device.gid.value_or(0)};
}

// A /dev that the caller brings along, mostly the host's, is used as it is, as with runc and crun: what we
// made there, or gave to another user, would be so on the host.
bool brings_dev(const Spec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const auto& mount) {
    return is_bind(mount) && !has_option(mount, "remount") &&
           namespaces::clean_path(mount.destination) == "/dev";
  });
}

std::vector<namespaces::DeviceNode> device_nodes(const Spec& spec) {
  auto nodes = namespaces::default_device_nodes();
  for (const auto& device : spec.os.devices) {
    if (device.path == "/dev/ptmx") continue;  // always the container's own: the link to pts/ptmx
    auto node = device_node(device);
    auto same =
        std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return n.path == device.path; });
    if (same == nodes.end()) {
      nodes.push_back(std::move(node));
    } else {
      *same = std::move(node);
    }
  }
  if (brings_dev(spec))
    std::erase_if(nodes, [](const auto& node) {
      return namespaces::is_below(namespaces::clean_path(node.path), "/dev");
    });
  return nodes;
}

// Who is nobody inside (of a namespace by path the ids may be unknown) leaves the node to the host's root.
void add_host_nodes(Draft& draft, size_t number) {
  auto nodes = device_nodes(draft.spec);
  for (auto& node : nodes) {
    node.uid = namespaces::host_id_of(draft.spec.os.uid_mappings, node.uid).value_or(0);
    node.gid = namespaces::host_id_of(draft.spec.os.gid_mappings, node.gid).value_or(0);
  }
  if (nodes.empty()) return;
  draft.device_tree = number;
  draft.add(namespaces::host_nodes_step(std::move(nodes), number, draft.spec.os.mount_label));
}

void add_devices(Draft& draft) {
  draft.add(namespaces::device_nodes_step(device_nodes(draft.spec), draft.device_tree));
  if (!brings_dev(draft.spec)) draft.add(namespaces::device_links_step());
}

bool needs_procfs(const Spec& spec, bool in_user_namespace) {
  return !spec.os.sysctl.empty() || writes_to_procfs(spec.process, in_user_namespace);
}

Result<void> add_mounts(Draft& draft) {
  const Spec& spec = draft.spec;
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    namespaces::Mount mount = spec.mounts[i];
    if (is_cgroup_mount(mount) && draft.has_group) {
      draft.add_all(draft.late_join);
      draft.add(cgroup_mount(draft, mount));
      continue;
    }
    if (mount.type == "cgroup" && draft.host.cgroups.is_pure_v2()) mount.type = "cgroup2";
    if (is_bind(mount)) mount.source = bind_source(draft, mount);
    if (mount.type == "overlay" && !is_bind(mount)) find_in_bundle(draft, mount);
    const bool labelled = !spec.os.mount_label.empty() && !is_bind(mount) && mount.type != "proc" &&
                          mount.type != "sysfs" && !has_option(mount, "remount");
    if (labelled) mount.options.push_back("context=" + spec.os.mount_label);
    draft.add(TRY(of_member(draft.request.names_members, "/mounts/" + std::to_string(i),
                            namespaces::mount_step(mount, draft.mount_trees[i]))));
  }
  return ok();
}

// The maps of an id-mapped mount: its own, else the container's.
Result<void> add_maps(const Draft& draft, const namespaces::Mount& mount, namespaces::HostTree& tree) {
  tree.map_recursively = has_option(mount, "ridmap");
  if (!mount.uid_maps.empty()) {
    tree.uid_maps = mount.uid_maps;
    tree.gid_maps = mount.gid_maps;
    return ok();
  }
  tree.uid_maps = draft.spec.os.uid_mappings;
  tree.gid_maps = draft.spec.os.gid_mappings;
  if (auto path = draft.own.path_of("user")) tree.user_namespace = *path;
  if (!tree.uid_maps.empty() || !tree.user_namespace.empty()) return ok();
  return invalid("mount on " + printable(mount.destination) +
                 ": idmap without uidMappings and gidMappings, and the container has no user namespace");
}

size_t add_tree(std::vector<namespaces::HostTree>& trees, namespaces::HostTree tree) {
  trees.push_back(std::move(tree));
  return trees.size() - 1;
}

// Propagation from the host reaches a mount that asks for it, although the rootfs does not, as with runc.
std::string isolation_of(const Spec& spec) {
  const std::string& wanted = spec.os.rootfs_propagation;
  const bool is_of_root_alone = wanted.empty() || wanted == "private" || wanted == "unbindable";
  if (!is_of_root_alone) return wanted;
  const bool receives = std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const auto& mount) {
    return is_bind(mount) && (has_option(mount, "slave") || has_option(mount, "rslave"));
  });
  return receives ? "slave" : wanted;
}

}  // namespace

size_t procfs_count(const Spec& spec, bool in_user_namespace) {
  const auto mounted = std::count_if(spec.mounts.begin(), spec.mounts.end(), [](const auto& mount) {
    return mount.type == "proc" && !is_bind(mount) && !has_option(mount, "remount");
  });
  return static_cast<size_t>(mounted) + (needs_procfs(spec, in_user_namespace) ? 1 : 0);
}

Result<void> add_host_trees(Draft& draft) {
  const Spec& spec = draft.spec;
  const bool in_user_namespace = draft.own.is_separate("user");
  std::vector<namespaces::HostTree> trees;
  if (in_user_namespace && !draft.request.rootfs_is_mount) {
    namespaces::HostTree root;
    root.source = draft.root_path();
    root.recursive = true;
    draft.root_tree = add_tree(trees, std::move(root));
  }
  draft.mount_trees.resize(spec.mounts.size());
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    const auto& mount = spec.mounts[i];
    if (!is_bind(mount) || has_option(mount, "remount")) continue;
    const bool maps = !mount.uid_maps.empty() || has_option(mount, "idmap") || has_option(mount, "ridmap");
    const bool special = has_option(mount, "src-nofollow") || has_option(mount, "copy-symlink");
    if (!maps && (!in_user_namespace || special)) continue;
    namespaces::HostTree tree;
    tree.source = bind_source(draft, mount);
    tree.recursive = has_option(mount, "rbind");
    if (maps) {
      TRY(of_member(draft.request.names_members, "/mounts/" + std::to_string(i),
                    add_maps(draft, mount, tree)));
    }
    draft.mount_trees[i] = add_tree(trees, std::move(tree));
  }
  if (in_user_namespace) {
    const size_t next = trees.size();
    if (!trees.empty()) draft.add(namespaces::locked_trees_step(std::move(trees)));
    add_host_nodes(draft, next);
    return ok();
  }
  for (size_t i = 0; i < trees.size(); ++i)
    draft.add(namespaces::host_tree_step(std::move(trees[i]), i));
  return ok();
}

Result<void> add_rootfs(Draft& draft) {
  const Spec& spec = draft.spec;
  if (!draft.own.is_separate("mount")) return invalid("a container needs a mount namespace of its own");
  if (needs_procfs(spec, draft.own.is_separate("user"))) {
    // A user namespace owns no pid namespace that is the caller's, and may not mount its procfs.
    const bool has_callers = draft.own.is_separate("user") && !draft.own.is_separate("pid");
    draft.add(has_callers ? namespaces::open_callers_procfs_step() : namespaces::open_procfs_step());
  }
  const std::string isolation = isolation_of(spec);
  draft.add(namespaces::isolate_propagation_step(isolation, draft.root_path()));
  draft.add_all(draft.request.before_rootfs);
  draft.add(namespaces::open_root_step({draft.root_path(), draft.request.rootfs_is_mount, draft.root_tree}));
  TRY(add_mounts(draft));
  add_devices(draft);
  draft.add_all(draft.late_join);
  if (spec.process.terminal) {
    draft.add(console_step(spec.process, ConsoleDevice::kShow));
  }
  if (draft.has_host_hooks()) draft.add(wait_for_host_hooks_step());
  if (!spec.hooks.create_container.empty())
    draft.add(create_container_hooks_step(spec.hooks, draft.hook_state()));
  if (!spec.os.sysctl.empty()) draft.add(TRY(namespaces::sysctl_step(spec.os.sysctl, draft.own)));
  if (!spec.os.masked_paths.empty()) draft.add(namespaces::mask_paths_step(spec.os.masked_paths));
  // What is mounted over a root is not seen by those who are in it: "/" itself is made read-only.
  auto readonly_paths = spec.os.readonly_paths;
  const auto roots =
      std::erase_if(readonly_paths, [](const auto& path) { return namespaces::clean_path(path) == "/"; });
  if (!readonly_paths.empty()) draft.add(namespaces::readonly_paths_step(std::move(readonly_paths)));
  if (spec.root.readonly || roots != 0) {
    if (spec.process.cwd != "/") draft.add(make_working_directory_step(spec.process.cwd));
    draft.add(namespaces::readonly_root_step());
  }
  const bool is_ours = spec.os.rootfs_propagation.empty() && !isolation.empty();
  const std::string propagation = is_ours ? "private" : spec.os.rootfs_propagation;
  draft.add(draft.request.no_pivot ? namespaces::move_root_step(propagation)
                                   : namespaces::pivot_root_step(propagation));
  return ok();
}

}  // namespace runtime
