#include "engine/log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"

namespace engine {

namespace {

constexpr size_t kLongestPiece = 16384;  // as Docker cuts lines
constexpr int64_t kMostFiles = 100;

}  // namespace

Result<LogSettings> log_settings(const RunRequest& request, const std::string& container_directory) {
  LogSettings settings;
  if (request.log_driver == "none") return settings;
  settings.path = container_directory + "/log";
  for (const auto& [key, value] : request.log_opts) {
    if (key == "max-size") {
      settings.max_bytes = value == "-1" ? 0 : TRY_IN("log option max-size", parse_size(value));
    } else if (key == "max-file") {
      settings.files = TRY_IN("log option max-file", parse_int(value));
      if (settings.files < 1 || settings.files > kMostFiles)
        return invalid("max-file must be a number between 1 and 100");
    }
  }
  return settings;
}

std::string log_line(Stream stream, std::string_view text, int64_t time_ns) {
  // nlohmann keeps members sorted: log, stream, time, as Docker writes them.
  const Json line = {{"log", std::string(text)},
                     {"stream", stream == Stream::kOut ? "stdout" : "stderr"},
                     {"time", format_time(time_ns)}};
  return dump_json(line) + "\n";
}

void LogWriter::append(Stream stream, std::string_view bytes) {
  if (settings_.path.empty()) return;
  std::string& partial = partial_[stream == Stream::kOut ? 0 : 1];
  while (!bytes.empty()) {
    const size_t room = kLongestPiece - partial.size();
    const size_t newline = bytes.substr(0, room).find('\n');
    const bool is_whole = newline != std::string_view::npos;
    const std::string_view piece = bytes.substr(0, is_whole ? newline + 1 : room);
    bytes.remove_prefix(piece.size());
    partial += piece;
    if (!is_whole && partial.size() < kLongestPiece) continue;
    add_line(stream, partial);
    partial.clear();
  }
  write_pending();
}

void LogWriter::finish() {
  for (const Stream stream : {Stream::kOut, Stream::kErr}) {
    std::string& partial = partial_[stream == Stream::kOut ? 0 : 1];
    if (!partial.empty()) add_line(stream, partial);
    partial.clear();
  }
  write_pending();
}

void LogWriter::add_line(Stream stream, std::string_view line) {
  pending_ += log_line(stream, line, now_ns());
  pending_payload_ += line.size();
}

void LogWriter::write_pending() {
  if (pending_.empty()) return;
  if (unreported_ > 0) {
    const std::string note =
        "[vial: dropped " + std::to_string(unreported_) + " bytes: the log could not be written]\n";
    if (write_to_file(log_line(Stream::kErr, note, now_ns()))) unreported_ = 0;
  }
  if (!write_to_file(pending_)) {
    dropped_ += pending_payload_;
    unreported_ += pending_payload_;
  }
  pending_.clear();
  pending_payload_ = 0;
}

void LogWriter::rotate() {
  file_.reset();
  for (int64_t number = settings_.files - 1; number > 0; --number) {
    const std::string from = number == 1 ? settings_.path : settings_.path + "." + std::to_string(number - 1);
    const std::string to = settings_.path + "." + std::to_string(number);
    ::rename(from.c_str(), to.c_str());
  }
  if (settings_.files == 1) ::unlink(settings_.path.c_str());
}

// All of it or nothing: a line cut short by a full disk would spoil the next one.
bool LogWriter::write_to_file(std::string_view text) {
  if (file_ && settings_.max_bytes > 0 && size_ > 0 &&
      size_ + static_cast<int64_t>(text.size()) > settings_.max_bytes) {
    rotate();
  }
  if (!file_) {
    auto opened = sys::open(settings_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    if (!opened) return false;
    file_ = std::move(*opened);
    const auto status = sys::fstat(file_.get());
    size_ = status ? status->st_size : 0;
  }
  const auto written = ::write(file_.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) {
    size_ += written;
    return true;
  }
  if (written > 0) (void)sys::ftruncate(file_.get(), size_);
  return false;
}

}  // namespace engine
