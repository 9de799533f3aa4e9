// A directory tree as a tar: `export`. Names sorted, hard links kept, nothing of other file systems mounted
// in it.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace image {

// Writes the tree below `root_fd` (borrowed) to `out_fd` (borrowed). Sockets can't be in a tar and are left
// out; of a mount point only the empty file or directory is written. Errors: kSystem.
Result<void> pack_tree(int root_fd, int out_fd);

// The merged view of directories, top first, read-only, in a mount namespace that this process gets for it.
// Names are relative to `base`. The mount goes with the process. overlayfs.rst, mount(2).
Result<Fd> mount_merged(const std::string& base, const std::vector<std::string>& directories);

}  // namespace image
