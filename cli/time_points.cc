#include "cli/time_points.h"

#include <string>

#include "base/strings.h"
#include "base/units.h"

namespace cli {

namespace {

// "1700000000" or "1700000000.5".
Result<int64_t> parse_epoch(std::string_view text) {
  constexpr uint64_t kMostSeconds = 9'000'000'000;
  const size_t point = text.find('.');
  const uint64_t seconds = TRY(parse_uint(text.substr(0, point)));
  if (seconds > kMostSeconds) return invalid("out of range");
  std::string decimals = point == std::string_view::npos ? "0" : std::string(text.substr(point + 1));
  if (decimals.size() > 9) return invalid("too many decimals");
  decimals.resize(9, '0');
  const uint64_t nanoseconds = TRY(parse_uint(decimals));
  return static_cast<int64_t>(seconds * 1'000'000'000 + nanoseconds);
}

}  // namespace

Result<int64_t> parse_time_point(std::string_view text, int64_t now_ns) {
  if (auto epoch = parse_epoch(text)) return epoch;
  if (const auto duration = parse_duration(text)) return now_ns - *duration;
  const std::string word(text);
  for (const char* tail : {"", "Z", ":00Z", "T00:00:00Z"}) {
    if (auto time = parse_time(word + tail)) return time;
  }
  return invalid("failed to parse value as time or duration: \"" + printable(text) + "\"");
}

}  // namespace cli
