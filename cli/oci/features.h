// What this runtime supports, for callers that ask before they write a config.json (runtime-spec
// features.md).
#pragma once

#include "base/json.h"

namespace cli::oci {

// The document of `features`. Reads nothing of the host but which security modules it has.
Json features_json();

}  // namespace cli::oci
