#include "engine/client.h"

#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "base/terminal.h"
#include "engine/frames.h"
#include "engine/terminal.h"

namespace engine {

namespace {

constexpr int kSignalBase = 128;

// Signals as a readable descriptor while a session lasts.
class CaughtSignals {
 public:
  explicit CaughtSignals(bool tty, bool proxy) {
    sigset_t set;
    ::sigemptyset(&set);
    if (tty) ::sigaddset(&set, SIGWINCH);
    if (tty) ::sigaddset(&set, SIGCONT);
    if (tty || proxy) {
      for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::sigaddset(&set, signal);
    }
    if (proxy && !tty) {
      for (const int signal : {SIGUSR1, SIGUSR2, SIGALRM})
        ::sigaddset(&set, signal);
    }
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~CaughtSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  CaughtSignals(const CaughtSignals&) = delete;
  CaughtSignals& operator=(const CaughtSignals&) = delete;
  CaughtSignals(CaughtSignals&&) = delete;
  CaughtSignals& operator=(CaughtSignals&&) = delete;

  int fd() const { return fd_.get(); }
  // 0 when there is none.
  int next() {
    signalfd_siginfo info = {};
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  Fd fd_;
  sigset_t before_ = {};
};

class Session {
 public:
  Session(int socket_fd, const AttachOptions& options, bool tty, std::string keys)
      : socket_(socket_fd),
        tty_(tty),
        reads_input_(options.in),
        keys_(tty ? std::move(keys) : ""),
        terminal_(tty && options.in ? STDIN_FILENO : -1),
        signals_(tty, options.sig_proxy) {}

  Result<SessionEnd> run();

 private:
  void send_size();
  void read_input();
  void send_pending();
  Result<void> take_frame();
  void take_signals();
  void finish(int code) {
    end_.exit_code = code;
    finished_ = true;
  }

  int socket_;
  bool tty_;
  bool reads_input_;
  bool at_end_of_input_ = false;
  DetachKeys keys_;
  std::string pending_;
  SessionEnd end_;
  bool finished_ = false;
  RawTerminal terminal_;
  CaughtSignals signals_;
};

void Session::send_size() {
  winsize size = {};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) return;
  (void)send_frame(socket_, FrameKind::kResize, pack_numbers({size.ws_row, size.ws_col}), true);
}

void Session::read_input() {
  std::array<char, kMaxPayload> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    reads_input_ = false;
    at_end_of_input_ = true;
    return;
  }
  bool detached = false;
  pending_ += keys_.filter({buffer.data(), static_cast<size_t>(count)}, detached);
  if (!detached) return;
  end_.detached = true;
  finish(0);
}

// Never waits for room: the monitor may be waiting for us to take output.
void Session::send_pending() {
  while (!pending_.empty()) {
    const auto piece = std::string_view(pending_).substr(0, kMaxPayload);
    const auto sent = send_frame(socket_, FrameKind::kInput, piece, false);
    if (!sent && sent.error().error_number() == EAGAIN) return;
    if (!sent) pending_.clear();
    if (sent) pending_.erase(0, piece.size());
  }
  if (!at_end_of_input_) return;
  at_end_of_input_ = false;
  (void)send_frame(socket_, FrameKind::kInputEnd, "", true);
}

Result<void> Session::take_frame() {
  const auto frame = receive_frame(socket_, true);
  if (!frame) return corrupt("the monitor of the container is gone; the container may go on without it");
  if (frame->kind == FrameKind::kExit) {
    finish(static_cast<int>(number_at(frame->payload, 0)));
    return ok();
  }
  const bool is_out = frame->kind == FrameKind::kOutput;
  if (!is_out && frame->kind != FrameKind::kError) return ok();
  const auto written = write_all(is_out ? STDOUT_FILENO : STDERR_FILENO, frame->payload);
  // Nobody reads our output any more: end as a program does that SIGPIPE kills.
  if (!written) finish(kSignalBase + SIGPIPE);
  return ok();
}

void Session::take_signals() {
  for (int signal = signals_.next(); signal != 0; signal = signals_.next()) {
    if (signal == SIGWINCH) {
      send_size();
    } else if (signal == SIGCONT) {
      terminal_.enter();
      send_size();
    } else if (tty_) {
      finish(kSignalBase + signal);
    } else {
      (void)send_frame(socket_, FrameKind::kSignal, pack_numbers({static_cast<uint32_t>(signal)}), true);
    }
  }
}

Result<SessionEnd> Session::run() {
  if (tty_) send_size();
  while (!finished_) {
    const bool takes_input = reads_input_ && pending_.size() < kMaxPayload;
    const bool has_pending = !pending_.empty() || at_end_of_input_;
    std::array<pollfd, 3> entries = {
        pollfd{socket_, static_cast<short>(POLLIN | (has_pending ? POLLOUT : 0)), 0},
        pollfd{signals_.fd(), POLLIN, 0}, pollfd{takes_input ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("poll", errno);
    }
    if (entries[1].revents != 0) take_signals();
    if (!finished_ && entries[2].revents != 0) read_input();
    if (has_pending || !pending_.empty() || at_end_of_input_) send_pending();
    if (!finished_ && (entries[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) TRY(take_frame());
  }
  return end_;
}

}  // namespace

uint32_t wants_of(const AttachOptions& options) {
  return (options.in ? kWantInput : 0U) | (options.out ? kWantOutput : 0U) | (options.err ? kWantError : 0U);
}

Result<StartAnswer> wait_for_start(int socket_fd, std::vector<std::string>& warnings) {
  for (;;) {
    const auto frame = receive_frame(socket_fd, true);
    if (!frame) return corrupt("the monitor of the container ended before it had started it");
    switch (frame->kind) {
      case FrameKind::kStarted:
        return StartAnswer{};
      case FrameKind::kFailed:
        return StartAnswer{frame->payload.substr(std::min(sizeof(uint32_t), frame->payload.size())),
                           static_cast<int>(number_at(frame->payload, 0))};
      case FrameKind::kExplained:
        (void)write_all(STDERR_FILENO, frame->payload);
        break;
      case FrameKind::kWarning:
        warnings.push_back(frame->payload);
        break;
      default:
        break;
    }
  }
}

Result<SessionEnd> run_session(int socket_fd, const AttachOptions& options, bool tty) {
  std::string keys = TRY(parse_detach_keys(options.detach_keys));
  // A reader that goes away must end us by our own decision, after the terminal was put back.
  ::signal(SIGPIPE, SIG_IGN);
  Session session(socket_fd, options, tty, std::move(keys));
  auto end = session.run();
  ::signal(SIGPIPE, SIG_DFL);
  return end;
}

}  // namespace engine
