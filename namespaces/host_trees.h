// Mounts that the host makes for the init: a process in a user namespace may neither map a mount's ids nor
// enter directories that only the host's root may, so the launcher opens these trees, and the init attaches
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/step.h"
#include "namespaces/mounts.h"

namespace namespaces {

// A copy of the mount tree at `source`, attached nowhere.
struct HostTree {
  std::string source;
  bool recursive = false;  // with what is mounted below
  // How ids of the files appear: through these maps, or those of the user namespace at the path; all empty:
  // as they are.
  std::vector<IdMap> uid_maps;
  std::vector<IdMap> gid_maps;
  std::string user_namespace;
  bool map_recursively = false;
};

// Host lane, before clone: opens the tree and leaves it in context.trees[number]. perform: kUnsupported for a
// file system that can't be id-mapped. open_tree(2), mount_setattr(2) "ID-mapped mounts".
StepPtr host_tree_step(HostTree tree, size_t number);

// The same for context.trees[0..], for an init in a user namespace: what is read-only, nosuid, nodev or
// noexec on the host can't be made otherwise in there, by nobody. The kernel locks a mount's flags only in a
// copy of the mount namespace for another user namespace, so the launcher opens the trees in such a copy.
// Exception: a tree without what is mounted below it, where something is. mount_namespaces(7) "Restrictions
// on mount namespaces".
StepPtr locked_trees_step(std::vector<HostTree> trees);

// A user namespace with these maps that nobody is in, as a descriptor. It makes a child for a moment.
// user_namespaces(7).
Result<Fd> make_user_namespace(const std::vector<IdMap>& uid_maps, const std::vector<IdMap>& gid_maps);

// What `id` inside of a user namespace with these maps is outside; nullopt: nobody.
std::optional<uint32_t> host_id_of(const std::vector<IdMap>& maps, uint32_t id);

// The lines of uid_map(5).
std::string id_map_text(const std::vector<IdMap>& maps);

}  // namespace namespaces
