// Named and anonymous volumes: directories <root>/volumes/NAME/_data.
#pragma once

#include "base/result.h"
#include "engine/record.h"
#include "engine/store.h"

namespace engine {

// Makes the volume of `mount` if it is missing, its _data 0755: whatever our umask is, the container's users
// must get in. (Filling a new one from the image comes with the volume commands: here is its place.)
Result<void> make_volume(const Store& store, const MountPoint& mount);

// Moves the container's anonymous volumes into its directory, so that they go where that goes.
void take_anonymous_volumes(const Store& store, const ContainerRecord& record);

}  // namespace engine
