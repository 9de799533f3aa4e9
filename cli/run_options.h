// The options of `run` and `create`, and what they say as an engine::RunRequest.
#pragma once

#include "cli/command.h"
#include "engine/run.h"

namespace cli {

// Shared by run and create.
OptionTable container_options();

// Options and arguments -> request. Reads --label-file; everything else with a grammar of its own stays text
// for engine. Errors: kInvalid in Docker's words, the errors of reading a label file.
Result<engine::RunRequest> run_request(const Options& options);

}  // namespace cli
