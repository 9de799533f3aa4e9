// Values that no kernel takes, refused before anything is made: one place for v1 and v2.
#pragma once

#include "base/result.h"
#include "cgroups/resources.h"

namespace cgroups {

// Pure. kInvalid with the spec's name of the value; ranges are those of runtime-spec config-linux.md and
// Documentation/scheduler/sched-bwc.rst.
Result<void> check_resources(const Resources& resources);

}  // namespace cgroups
