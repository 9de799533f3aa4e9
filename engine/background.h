// What the processes that stay behind a command have in common (monitor.h, exec.cc): leaving the caller, and
// the pipes to the container.
#pragma once

#include <vector>

#include "base/result.h"
#include "engine/pump.h"
#include "runtime/launch.h"

namespace engine {

// Own session, stdio on /dev/null, root directory, `name` for ps, and no descriptor but 0-2 and `keep`.
void leave_caller(const char* name, std::vector<int> keep);

// Fresh pipes: the container's ends are returned, ours go to `streams`. Without `interactive` stdin is
// /dev/null; with `tty` there are none: launch() hands out the console.
Result<runtime::Stdio> open_stdio(bool tty, bool interactive, ContainerStreams& streams);

}  // namespace engine
