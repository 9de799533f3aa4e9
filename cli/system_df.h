// `system df`: what images, containers and volumes occupy on disk.
#pragma once

#include "base/result.h"
#include "cli/command.h"

namespace cli {

Result<int> run_system_df(const Invocation& call);

}  // namespace cli
