#include "cli/oci/error_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cli/output.h"

namespace cli::oci {

std::string log_line(LogFormat format, std::string_view level, std::string_view text, int64_t epoch_ns) {
  const std::string time = format_time(epoch_ns / kSecondNs * kSecondNs);
  const Json message = printable_lines(text);  // JSON itself leaves DEL and the C1 controls as they are
  if (format == LogFormat::kJson) {
    return dump_json({{"level", std::string(level)}, {"msg", message}, {"time", time}}) + "\n";
  }
  return "time=\"" + time + "\" level=" + std::string(level) + " msg=" + dump_json(message) + "\n";
}

void ErrorLog::write(const char* level, std::string_view text) {
  const std::string line = log_line(format_, level, text, now_ns());
  if (path_.empty()) {
    (void)write_all(STDERR_FILENO, line);
    return;
  }
  constexpr mode_t kReadable = 0644;
  const auto file = sys::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, kReadable);
  const auto written = file ? write_all(file->get(), line) : Result<void>(file.error());
  if (!written) complain("vial-oci: write the log: " + printable(written.error().text()));
}

void ErrorLog::error(std::string_view text) {
  write("error", text);
  if (!path_.empty()) complain(printable_lines(text));
}

void ErrorLog::warning(std::string_view text) {
  write("warning", text);
}

void ErrorLog::debug(std::string_view text) {
  write("debug", text);
}

}  // namespace cli::oci
