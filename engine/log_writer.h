// The log of a container: lines of Docker's json-file format, one JSON object each, in <container>/log, with
// rotation to log.1, log.2, ... A full disk loses lines, which are counted, and never blocks the container.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "engine/run.h"

namespace engine {

enum class Stream { kOut, kErr };

struct LogSettings {
  std::string path;              // empty: nothing is kept (--log-driver none)
  int64_t max_bytes = 64 << 20;  // of one file
  int64_t files = 3;
};
// From log_driver and log_opts. kInvalid for sizes that do not parse.
Result<LogSettings> log_settings(const RunRequest& request, const std::string& container_directory);

class LogWriter {
 public:
  // The file is made by the first line, and appended to when it exists.
  explicit LogWriter(LogSettings settings) : settings_(std::move(settings)) {}

  // Takes output as it comes; whole lines, and pieces of 16 KiB of longer ones, are written at once.
  void append(Stream stream, std::string_view bytes);
  // Writes what is left of a line without an end.
  void finish();
  // Bytes of output that could not be written.
  uint64_t dropped_bytes() const { return dropped_; }

 private:
  void add_line(Stream stream, std::string_view line);
  void write_pending();
  void rotate();
  bool write_to_file(std::string_view text);

  LogSettings settings_;
  std::array<std::string, 2> partial_;  // by stream
  std::string pending_;                 // formatted, not yet written
  uint64_t pending_payload_ = 0;
  Fd file_;
  int64_t size_ = 0;
  uint64_t dropped_ = 0;
  uint64_t unreported_ = 0;
};

// One line of the format, with its newline: {"log":"...","stream":"stdout","time":"..."}.
std::string log_line(Stream stream, std::string_view text, int64_t time_ns);

}  // namespace engine
