#include "base/terminal.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "base/syscalls.h"

namespace {

// The guard's whole life. A byte: all is well; end of file: the terminal is ours to put back.
[[noreturn]] void stand_guard(int watch_fd, int terminal_fd, const termios& before) {
  char byte = 0;
  if (::read(watch_fd, &byte, 1) == 0) ::tcsetattr(terminal_fd, TCSADRAIN, &before);
  ::_exit(0);
}

}  // namespace

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  if (::tcgetattr(fd, &before_) < 0) return;
  active_ = true;
  start_guard();
  enter();
}

void RawTerminal::start_guard() {
  auto pipe = sys::pipe2(0);
  if (!pipe) return;
  // Two forks: nobody has to wait for the guard. It is born in a session of its own: when we are killed, the
  // hang-up of ours can't meet it.
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    const int watch = ::fcntl(pipe->reader.get(), F_DUPFD_CLOEXEC, 3);
    const int terminal = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
    // Nothing of the caller's may stay open here: somebody may wait for the end of a pipe.
    for (int fd = 0; fd < static_cast<int>(::sysconf(_SC_OPEN_MAX)) && fd < 1024; ++fd) {
      if (fd != watch && fd != terminal) ::close(fd);
    }
    stand_guard(watch, terminal, before_);
  }
  if (child > 0) ::waitpid(child, nullptr, 0);
  guard_ = std::move(pipe->writer);
}

void RawTerminal::enter() {
  if (!active_) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  ::tcsetattr(fd_, TCSADRAIN, &raw);
}

void RawTerminal::leave() {
  if (!active_) return;
  ::tcsetattr(fd_, TCSADRAIN, &before_);
  active_ = false;
  if (guard_) (void)sys::write(guard_.get(), std::string_view("."));
  guard_.reset();
}

RawTerminal::~RawTerminal() {
  leave();
}
