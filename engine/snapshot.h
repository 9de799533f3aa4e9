// A container's snapshot: overlayfs of the image's layers (lower) and the container's own directory (upper),
// mounted by the init inside its mount namespace, so that running containers add no mount to the host.
#pragma once

#include <string>
#include <vector>

#include "base/step.h"

namespace engine {

struct Snapshot {
  std::string layers_root;          // <root>/layers
  std::vector<std::string> layers;  // directory names below it, bottom first
  std::string container_directory;  // <root>/containers/ID with upper/, work/ and rootfs/
  // No sync when the last mount goes: for containers that are removed then (overlayfs.rst "Volatile mount").
  bool is_volatile = false;
};

// Mounts it on container_directory/rootfs. kInvalid while planning when the options of so many layers do not
// fit the page that mount(2) takes.
Result<StepPtr> mount_snapshot_step(const Snapshot& snapshot);

// Makes a directory of the snapshot before it becomes read-only: --workdir with --read-only.
StepPtr make_working_directory_step(const Snapshot& snapshot, const std::string& path);

// The directories, top first, that a stopped container's files are in: upper, then the layers.
std::vector<std::string> snapshot_directories(const Snapshot& snapshot);

}  // namespace engine
