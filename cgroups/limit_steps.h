// The steps that write a group's limits and device rules.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "cgroups/limits.h"

namespace cgroups {

// Appends one step a controller.
void add_limit_steps(const std::vector<LimitWrite>& writes, std::vector<StepPtr>& steps);

// Appends the step for the device rules, none when there are no rules: v1 where the devices controller is
// mounted there, else the eBPF program on v2. Errors of v1_device_writes() and device_program().
Result<void> add_device_step(const Group& group, const std::vector<DeviceRule>& rules,
                             std::vector<StepPtr>& steps);

}  // namespace cgroups
