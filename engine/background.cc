#include "engine/background.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): signal(2)
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/process.h"
#include "base/syscalls.h"

namespace engine {

void leave_caller(const char* name, std::vector<int> keep) {
  name_process(name);
  ::setsid();
  const bool at_root = ::chdir("/") == 0;  // else: a directory that can't be unmounted meanwhile, no more
  (void)at_root;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(null, fd);
  std::sort(keep.begin(), keep.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : keep) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept > first) (void)sys::close_range(first, kept - 1, 0);
    first = std::max(first, kept + 1);
  }
  (void)sys::close_range(first, UINT_MAX, 0);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU})
    ::signal(signal, SIG_IGN);
}

Result<runtime::Stdio> open_stdio(bool tty, bool interactive, ContainerStreams& streams) {
  runtime::Stdio stdio;
  if (tty) return stdio;
  auto out = TRY(sys::pipe2(0));
  auto err = TRY(sys::pipe2(0));
  stdio.out = std::move(out.writer);
  stdio.err = std::move(err.writer);
  streams.out = std::move(out.reader);
  streams.err = std::move(err.reader);
  if (!interactive) {
    stdio.in = TRY(sys::open("/dev/null", O_RDONLY));
    return stdio;
  }
  auto in = TRY(sys::pipe2(0));
  stdio.in = std::move(in.reader);
  streams.in = std::move(in.writer);
  return stdio;
}

}  // namespace engine
