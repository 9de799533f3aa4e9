// Reads what log_writer.h writes: pure parts, for `logs`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/log_writer.h"

namespace engine {

struct LogEntry {
  Stream stream = Stream::kOut;
  std::string text;
  int64_t time_ns = 0;
};
// One line of the file, without its newline. kCorrupt if it is none.
Result<LogEntry> parse_log_line(std::string_view line);

// Where to begin so that `lines` whole lines follow in `content`.
size_t tail_offset(std::string_view content, uint64_t lines);

}  // namespace engine
