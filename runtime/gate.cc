#include "runtime/gate.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/socket.h"
#include "base/syscalls.h"
#include "runtime/faults.h"
#include "runtime/handshake.h"

namespace runtime {
namespace {

constexpr const char* kClosedName = "gate.closed";
constexpr const char* kOpenName = "gate";

bool exists_at(int dir_fd, const char* name) {
  return ::faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool is_refusal(const Error& error) {
  return error.error_number() == EPIPE || error.error_number() == ECONNRESET;
}

// False when the init took another starter, or died, without having read our kStart. Else the failure that
// the init tells, in the words of a failed launch.
Result<bool> wait_for_exec(int socket_fd) {
  Received received = TRY(receive_message(socket_fd));
  if (received.message == Message::kEndOfFile) return !received.was_reset;
  if (received.message == Message::kFailed) return std::move(*received.error);
#ifdef VIAL_FAULTS
  if (received.message == Message::kDie) ::kill(::getpid(), SIGKILL);
#endif
  return corrupt("the start's handshake is out of order");
}

}  // namespace

Result<Fd> make_gate(int dir_fd) {
  Fd gate = TRY(unix_socket(SOCK_SEQPACKET));
  TRY_IN("the gate", bind_at(gate.get(), dir_fd, kClosedName));
  if (::listen(gate.get(), 1) < 0) return Error::from_errno("listen at the gate", errno);
  return gate;
}

Result<void> open_gate(int dir_fd) {
  fault_at("gate");
  if (::renameat(dir_fd, kClosedName, dir_fd, kOpenName) < 0)
    return Error::from_errno("open the gate", errno);
  return ok();
}

Gate gate_at(int dir_fd) {
  if (exists_at(dir_fd, kOpenName)) return Gate::kOpen;
  return exists_at(dir_fd, kClosedName) ? Gate::kClosed : Gate::kNone;
}

Result<void> wait_at_gate(int gate_fd, int handshake_fd) {
  for (;;) {
    const Fd starter(::accept4(gate_fd, nullptr, nullptr, SOCK_CLOEXEC));
    if (!starter && errno == EINTR) continue;
    if (!starter) return Error::from_errno("wait for the start", errno);
    const auto received = receive_message(starter.get());
    // One that came second, or was killed on its way.
    if (!received || received->message != Message::kStart) continue;
    if (::dup3(starter.get(), handshake_fd, O_CLOEXEC) < 0) return Error::from_errno("dup3", errno);
    return ok();
  }
}

bool is_attended(int dir_fd) {
  const auto socket = unix_socket(SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (!socket) return false;
  // EAGAIN: others stand there already, and the init is frozen.
  const auto connected = connect_at(socket->get(), dir_fd, kOpenName);
  return connected || connected.error().error_number() == EAGAIN;
}

Result<bool> pass_gate(int dir_fd) {
  const Fd socket = TRY(unix_socket(SOCK_SEQPACKET));
  auto connected = connect_at(socket.get(), dir_fd, kOpenName);
  if (!connected) {
    const int error_number = connected.error().error_number();
    if (error_number == ENOENT || error_number == ECONNREFUSED) return false;
    return std::move(connected).error().in("the gate");
  }
  fault_at("gate.come");
  const auto sent = send_message(socket.get(), Message::kStart);
  if (!sent && is_refusal(sent.error())) return false;
  if (!sent) return sent.error();
  fault_at("gate.started");
  auto passed = wait_for_exec(socket.get());
  // Nobody waits there any more. Not earlier: a starter that is killed leaves the way open for the next.
  if (!passed || *passed) ::unlinkat(dir_fd, kOpenName, 0);
  return passed;
}

}  // namespace runtime
