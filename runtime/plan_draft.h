// The plan while make_plan() writes it: the request, what was derived from it, and the list. Between the
// files of the plan only.
#pragma once

#include <optional>
#include <string>

#include "cgroups/group.h"
#include "namespaces/host_trees.h"
#include "namespaces/ns_set.h"
#include "runtime/hooks.h"
#include "runtime/plan.h"

namespace runtime {

struct Draft {
  PlanRequest request;
  const Spec& spec;
  const HostFacts& host;
  namespaces::NamespaceSet own;
  cgroups::Group group;
  bool has_group = false;
  // For mounts[i], for the rootfs and for the device nodes: which tree.
  std::vector<std::optional<size_t>> mount_trees;
  std::optional<size_t> root_tree;
  std::optional<size_t> device_tree;
  // Of an init that joins v1's cgroups late (cgroups::Join): what the host does after the clone, and what the
  // init does before it shows the container its cgroups. Empty for all others.
  std::vector<StepPtr> late_groups;
  std::vector<StepPtr> late_join;
  Plan steps;

  void add(StepPtr step) { steps.push_back(std::move(step)); }
  void add_all(std::vector<StepPtr>& more) {
    for (auto& step : more)
      steps.push_back(std::move(step));
    more.clear();
  }
  bool has_host_hooks() const { return !spec.hooks.prestart.empty() || !spec.hooks.create_runtime.empty(); }
  HookState hook_state() const {
    return {spec.oci_version, request.id, "", 0, request.bundle, spec.annotations};
  }
  std::string root_path() const {
    const bool absolute = !spec.root.path.empty() && spec.root.path.front() == '/';
    return absolute ? spec.root.path : request.bundle + "/" + spec.root.path;
  }
};

// How many procfs the init mounts: for writes to /proc, and those of the spec's mounts.
size_t procfs_count(const Spec& spec, bool in_user_namespace);

// Host lane, before clone: opens what the init may not. Errors: kInvalid for an idmap without maps.
Result<void> add_host_trees(Draft& draft);

// Init lane: the file system view, up to the pivot. Errors as make_plan().
Result<void> add_rootfs(Draft& draft);

}  // namespace runtime
