// Changing a mount that is there: attributes by mount_setattr(2), and the mount option "remount".
#pragma once

#include "base/result.h"
#include "base/step.h"
#include "namespaces/mounts.h"

namespace namespaces {

// Sets and clears what the options say on the mount, and what they say recursively on its tree.
Result<void> apply_attributes(int mount_fd, const MountOptions& options);

// Init lane: changes the mount at mount.destination inside the rootfs: only its attributes with "bind" or
// without data, else the file system's parameters, too. perform: kSystem EINVAL when nothing is mounted
// there. fspick(2), mount_setattr(2).
StepPtr remount_step(const Mount& mount, MountOptions options);

}  // namespace namespaces
