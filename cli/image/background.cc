#include "cli/image/background.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"

namespace cli {

void settle_in_background(const image::Store& store) {
  if (!path_exists(store.root() + "/unsynced")) return;
  if (::fork() != 0) return;
  // Nobody waits for this process: it may hold no pipe, terminal, directory or lock of the command.
  ::setsid();
  name_process("vial:sync");
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    static_cast<void>(::dup2(null_fd, fd));
  static_cast<void>(sys::close_range(STDERR_FILENO + 1, ~0U, 0));
  static_cast<void>(::chdir("/"));
  static_cast<void>(store.settle());
  ::_exit(0);
}

}  // namespace cli
