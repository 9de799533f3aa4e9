// What this runtime supports, for callers that ask before they write a config.json (runtime-spec
// features.md).
#pragma once

#include "base/json.h"

namespace cli::oci {

// The document of `features`: what this program can do, whatever the host has, as the specification wants it.
Json features_json();

}  // namespace cli::oci
