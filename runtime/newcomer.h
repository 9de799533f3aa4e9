// What a process lets go of before it, or a child of its, is seen inside of somebody else's pid namespace:
// who is there already, with CAP_SYS_PTRACE, may look into its /proc entry (CVE-2016-9962).
#pragma once

#include <vector>

#include "base/result.h"

namespace runtime {

// Closes all descriptors from `first` on but those in `kept`, where negative numbers are passed over. Their
// owners in this copy of the launcher may close the numbers once more: nothing may be opened before they
// have.
Result<void> close_others(std::vector<int> kept, unsigned first);

// Blanks the caller's variables, which /proc/PID/environ would show until execve(2).
void forget_environment();

}  // namespace runtime
