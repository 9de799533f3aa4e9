// Filling a new mount with what the image has in its place (mount option tmpcopyup).
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"

namespace namespaces {

// Copies all that is below the directory `source_fd` into the directory `target_fd`, with owners, modes,
// times and the owner and mode of the directory itself, unless `mode` is given for that. Follows no link and
// enters no other mount; what is not a file, directory, link or fifo is left out: a device node of an image
// is no device inside. Errors: kSystem (ENOSPC when the file system is too small), kInvalid for more than 128
// levels. Half a copy may be left in the target.
Result<void> copy_up(int source_fd, int target_fd, std::optional<mode_t> mode);

}  // namespace namespaces
