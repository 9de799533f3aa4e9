// Times as --since, --until and filters take them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace cli {

// RFC 3339 (with or without zone: UTC then, a date alone is its midnight), seconds since the epoch with up to
// nine decimals, or a duration before `now_ns` ("10m", "1h30m"); nanoseconds since the epoch. kInvalid.
Result<int64_t> parse_time_point(std::string_view text, int64_t now_ns);

}  // namespace cli
