#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "engine/frames.h"
#include "engine/log_reader.h"
#include "engine/operations.h"

namespace engine {

namespace {

// All nine digits, as docker logs -t has them: the lines stay in columns and sort as text.
std::string column_time(int64_t time_ns) {
  constexpr size_t kWhole = sizeof "2026-01-01T00:00:00" - 1;
  constexpr size_t kDigits = 9;
  std::string text = format_time(time_ns);
  text.pop_back();
  if (text.size() == kWhole) text += '.';
  text.append(kWhole + 1 + kDigits - text.size(), '0');
  return text + 'Z';
}

constexpr int kMostRotated = 100;

// Prints entries as `logs` was asked to.
class LogPrinter {
 public:
  LogPrinter(const LogsRequest& request, int out_fd, int err_fd)
      : request_(request), out_fd_(out_fd), err_fd_(err_fd) {}

  // Takes bytes of the file; a line that is not whole yet waits for its rest.
  Result<void> take(std::string_view bytes) {
    partial_ += bytes;
    size_t start = 0;
    for (size_t end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n', start)) {
      const auto line = std::string_view(partial_).substr(start, end - start);
      start = end + 1;
      const auto entry = parse_log_line(line);
      if (entry) TRY(print(*entry));  // damage of a crash costs one line, not the log
    }
    partial_.erase(0, start);
    return ok();
  }
  void forget_partial() { partial_.clear(); }

 private:
  Result<void> print(const LogEntry& entry) {
    if (request_.since_ns && entry.time_ns < *request_.since_ns) return ok();
    if (request_.until_ns && entry.time_ns > *request_.until_ns) return ok();
    const int fd = entry.stream == Stream::kOut ? out_fd_ : err_fd_;
    if (!request_.timestamps) return write_all(fd, entry.text);
    return write_all(fd, column_time(entry.time_ns) + " " + entry.text);
  }

  const LogsRequest& request_;
  int out_fd_;
  int err_fd_;
  std::string partial_;
};

// Oldest first: log.2, log.1, log.
std::vector<std::string> log_files(const std::string& path) {
  std::vector<std::string> files;
  for (int number = 1; number < kMostRotated; ++number) {
    const std::string rotated = path + "." + std::to_string(number);
    if (!path_exists(rotated)) break;
    files.insert(files.begin(), rotated);
  }
  files.push_back(path);
  return files;
}

// The file that is being written to, over rotations.
class LogFollower {
 public:
  LogFollower(std::string path, LogPrinter& printer) : path_(std::move(path)), printer_(printer) {}

  // Prints what has come since; goes over to the next file when this one was rotated away.
  Result<void> catch_up() {
    for (;;) {
      if (!file_ && !open_file()) return ok();
      TRY(read_on());
      const auto now = sys::fstatat(AT_FDCWD, path_.c_str(), AT_SYMLINK_NOFOLLOW);
      if (now && now->st_ino == inode_) return ok();
      TRY(read_on());  // what came between the last read and the rotation
      file_.reset();
      printer_.forget_partial();
      if (!now) return ok();
    }
  }
  // The file at hand, read from `offset` on.
  void start_at(Fd file, ino_t inode) {
    file_ = std::move(file);
    inode_ = inode;
  }

 private:
  bool open_file() {
    auto opened = sys::open(path_.c_str(), O_RDONLY | O_NOFOLLOW);
    if (!opened) return false;
    const auto status = sys::fstat(opened->get());
    if (!status) return false;
    start_at(std::move(*opened), status->st_ino);
    return true;
  }
  Result<void> read_on() {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    for (;;) {
      const size_t count = TRY(sys::read(file_.get(), buffer));
      if (count == 0) return ok();
      TRY(printer_.take({buffer.data(), count}));
    }
  }

  std::string path_;
  LogPrinter& printer_;
  Fd file_;
  ino_t inode_ = 0;
};

// Everything that is there, less what --tail leaves out; then the follower stands behind the last byte read.
Result<void> print_present(const std::string& path, const LogsRequest& request, LogPrinter& printer,
                           LogFollower& follower) {
  if (!request.tail) {
    for (const auto& file : log_files(path)) {
      if (file == path) break;
      const auto text = read_file(file, SIZE_MAX);
      if (text) TRY(printer.take(*text));
    }
    return follower.catch_up();
  }
  std::string content;
  for (const auto& file : log_files(path)) {
    auto opened = sys::open(file.c_str(), O_RDONLY | O_NOFOLLOW);
    if (!opened) continue;
    const struct stat status = TRY(sys::fstat(opened->get()));
    content += TRY(read_fd(opened->get(), SIZE_MAX));
    if (file == path) follower.start_at(std::move(*opened), status.st_ino);
  }
  return printer.take(std::string_view(content).substr(tail_offset(content, *request.tail)));
}

// Prints until the monitor says that the container has ended, or is gone.
Result<void> follow(const Store& store, const std::string& id, LogFollower& follower) {
  const auto monitor = connect_to(store.run_directory(id), kMonitorSocket);
  if (!monitor) return follower.catch_up();
  (void)send_frame(monitor->get(), FrameKind::kAttach, pack_numbers({0}), true);
  const Fd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!changes) return Error::from_errno("inotify_init", errno);
  const std::string directory = store.container_directory(id);
  if (::inotify_add_watch(changes.get(), directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_FROM) < 0)
    return Error::from_errno("inotify_add_watch", errno);
  for (;;) {
    TRY(follower.catch_up());
    std::array<pollfd, 2> entries = {pollfd{changes.get(), POLLIN, 0}, pollfd{monitor->get(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR)
      return Error::from_errno("poll", errno);
    std::array<char, 4096> events = {};
    while (::read(changes.get(), events.data(), events.size()) > 0) {
    }
    if (entries[1].revents == 0) continue;
    const auto frame = receive_frame(monitor->get(), true);
    if (!frame || frame->kind == FrameKind::kExit) return follower.catch_up();
  }
}

}  // namespace

Result<LogEntry> parse_log_line(std::string_view line) {
  const Json document = TRY(parse_json(line));
  const JsonView view(document);
  LogEntry entry;
  entry.text = TRY(view.string_or("log", ""));
  const std::string stream = TRY(view.string_or("stream", "stdout"));
  const std::string time = TRY(view.string_or("time", ""));
  entry.stream = stream == "stderr" ? Stream::kErr : Stream::kOut;
  entry.time_ns = TRY(parse_time(time));
  return entry;
}

size_t tail_offset(std::string_view content, uint64_t lines) {
  size_t offset = content.size();
  if (lines == 0) return offset;
  if (offset > 0 && content[offset - 1] == '\n') --offset;
  for (; lines > 0; --lines) {
    const size_t newline = content.rfind('\n', offset == 0 ? 0 : offset - 1);
    if (offset == 0 || newline == std::string_view::npos) return 0;
    offset = newline;
  }
  return offset + 1;
}

Result<void> print_logs(const Store& store, const std::string& ref, const LogsRequest& request, int out_fd,
                        int err_fd) {
  const Container container = TRY(store.find(ref));
  if (container.record.request.log_driver == "none")
    return invalid("configured logging driver does not support reading");
  const std::string path = store.container_directory(container.record.id) + "/log";
  LogPrinter printer(request, out_fd, err_fd);
  LogFollower follower(path, printer);
  TRY(print_present(path, request, printer, follower));
  if (!request.follow || container.state.pid == 0) return ok();
  return follow(store, container.record.id, follower);
}

}  // namespace engine
