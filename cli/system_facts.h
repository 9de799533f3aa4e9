// What `info` and `version` say, as JSON with Docker's keys and as Docker's text.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/command.h"

namespace cli {

// Reads the store and the machine. A store that is not there yet is empty; what can't be read is left out and
// said in "Warnings".
Result<Json> collect_info(const Invocation& call);
std::string info_text(const Json& info);

Json collect_version();
std::string version_text(const Json& version);

}  // namespace cli
