// File systems by the mount API of Linux 5.2: fsopen(2), fsconfig(2), fsmount(2).
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "namespaces/mounts.h"

namespace namespaces {

// Of a file system that fsopen(2) or fspick(2) opened. Errors: kSystem, with the file system's own words in
// front where it has some ("tmpfs: Unknown parameter 'x'").
Result<void> set_parameters(int filesystem_fd, const Parameters& parameters);

// A new one with these parameters, mounted with these MOUNT_ATTR_*, attached nowhere. Errors: as above.
Result<Fd> detached_mount(int filesystem_fd, const Parameters& parameters, unsigned attributes);

}  // namespace namespaces
