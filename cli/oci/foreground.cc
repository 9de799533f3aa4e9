#include "cli/oci/foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/file.h"
#include "base/syscalls.h"

namespace cli::oci {

namespace {

constexpr int kDrainMs = 200;

void copy_window_size(int console_fd) {
  winsize size = {};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(console_fd, TIOCSWINSZ, &size);
}

// One chunk; false at the end of the source.
bool copy_chunk(int from_fd, int to_fd) {
  std::array<char, 16384> buffer = {};
  const auto count = sys::read(from_fd, buffer);
  if (!count || *count == 0) return false;
  return write_all(to_fd, {buffer.data(), *count}).has_value();
}

void pass_signal(int signal_fd, int pidfd, int console_fd) {
  signalfd_siginfo info = {};
  if (::read(signal_fd, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGCHLD) return;
  if (signal == SIGWINCH && console_fd >= 0) {
    copy_window_size(console_fd);
    return;
  }
  (void)sys::pidfd_send_signal(pidfd, signal);
}

// What the process wrote last is still in the pty.
void drain(int console_fd) {
  pollfd entry = {console_fd, POLLIN, 0};
  while (::poll(&entry, 1, kDrainMs) > 0 && (entry.revents & POLLIN) != 0) {
    if (!copy_chunk(console_fd, STDOUT_FILENO)) return;
  }
}

}  // namespace

Foreground::Foreground() {
  sigset_t all = {};
  ::sigfillset(&all);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU})
    ::sigdelset(&all, signal);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  signals_ = Fd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
}

Result<ExitStatus> Foreground::attend(int pidfd, Fd console) {
  const int console_fd = console.get();
  if (console) copy_window_size(console_fd);
  // poll(2) passes over negative descriptors.
  std::array<pollfd, 4> entries = {{{pidfd, POLLIN, 0},
                                    {signals_.get(), POLLIN, 0},
                                    {console_fd, POLLIN, 0},
                                    {console ? STDIN_FILENO : -1, POLLIN, 0}}};
  for (;;) {
    if (::poll(entries.data(), entries.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("poll", errno);
    }
    if (entries[1].revents != 0) pass_signal(signals_.get(), pidfd, console_fd);
    if (entries[2].revents != 0 && !copy_chunk(console_fd, STDOUT_FILENO)) entries[2].fd = -1;
    if (entries[3].revents != 0 && !copy_chunk(STDIN_FILENO, console_fd)) entries[3].fd = -1;
    if (entries[0].revents != 0) break;
  }
  if (entries[2].fd >= 0) drain(console_fd);
  terminal_.reset();
  return wait_for(pidfd);
}

}  // namespace cli::oci
