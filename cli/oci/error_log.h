// Where errors and warnings go: the --log file that the caller reads its reason from, and standard error.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace cli::oci {

enum class LogFormat { kText, kJson };

class ErrorLog {
 public:
  ErrorLog() = default;
  // An empty path: standard error alone.
  ErrorLog(std::string path, LogFormat format) : path_(std::move(path)), format_(format) {}

  // One line in the file (appended; made when missing), and the text on standard error. A log that can't be
  // written is said on standard error.
  void error(std::string_view text);
  // The same with level "warning"; on standard error only when there is no file.
  void warning(std::string_view text);
  void debug(std::string_view text);

 private:
  void write(const char* level, std::string_view text);
  std::string path_;
  LogFormat format_ = LogFormat::kText;
};

// {"level":"error","msg":"...","time":"..."} or time="..." level=error msg="...", with a newline. Pure.
std::string log_line(LogFormat format, std::string_view level, std::string_view text, int64_t epoch_ns);

}  // namespace cli::oci
