#include "runtime/delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace runtime {
namespace {

Result<void> send_descriptor(int socket_fd, int fd, const std::string& name) {
  TRY_IN("send " + name, sys::sendmsg(socket_fd, name, fd));
  return ok();
}

// Device, FIFO, socket: what a rename would put a file in the place of, as in --pid-file /dev/null.
bool is_special(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) < 0) return false;
  return !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) && !S_ISDIR(status.st_mode);
}

}  // namespace

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  constexpr mode_t kReadable = 0644;
  if (is_special(path)) {
    const Fd fd = TRY_IN("pid file", sys::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY));
    TRY_IN("pid file " + printable(path), write_all(fd.get(), std::to_string(pid)));
    return ok();
  }
  TRY_IN("pid file", replace_file(path, std::to_string(pid), kReadable));
  return ok();
}

void remove_pid_file(const std::string& path) {
  if (!path.empty() && !is_special(path)) ::unlink(path.c_str());
}

Result<Fd> connect_to(const std::string& path) {
  auto connected = connect_to_path(path);
  if (connected) return connected;
  return Error::from_errno("connect to " + printable(path), connected.error().error_number());
}

Result<void> deliver(Launched& launched, const Fd& console_socket, const std::string& pidfd_socket) {
  if (console_socket && launched.console_master) {
    TRY(send_descriptor(console_socket.get(), launched.console_master.get(), "/dev/ptmx"));
    launched.console_master.reset();
  }
  if (pidfd_socket.empty()) return ok();
  const Fd socket = TRY_IN("pidfd socket", connect_to(pidfd_socket));
  return send_descriptor(socket.get(), launched.pidfd.get(), "pidfd");
}

}  // namespace runtime
