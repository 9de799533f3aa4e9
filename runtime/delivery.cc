#include "runtime/delivery.h"

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

}  // namespace

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  constexpr mode_t kReadable = 0644;
  TRY_IN("pid file", replace_file(path, std::to_string(pid), kReadable));
  return ok();
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
