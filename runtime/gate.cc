#include "runtime/gate.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/syscalls.h"
#include "runtime/handshake.h"

namespace runtime {
namespace {

constexpr const char* kClosedName = "gate.closed";
constexpr const char* kOpenName = "gate";

// sun_path has 108 bytes, state directories may be deeper: the name goes by the directory's descriptor.
sockaddr_un address_at(int dir_fd, const char* name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
  return address;
}

Result<Fd> make_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno("socket", errno);
  return socket;
}

bool exists_at(int dir_fd, const char* name) {
  return ::faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

// The failure that the init tells, in the words of a failed launch.
Result<void> wait_for_exec(int socket_fd) {
  Received received = TRY(receive_message(socket_fd));
  if (received.message == Message::kEndOfFile) return ok();
  if (received.message == Message::kFailed) return std::move(*received.error);
#ifdef VIAL_FAULTS
  if (received.message == Message::kDie) ::kill(::getpid(), SIGKILL);
#endif
  return corrupt("the start's handshake is out of order");
}

}  // namespace

Result<Fd> make_gate(int dir_fd) {
  Fd gate = TRY(make_socket());
  const sockaddr_un address = address_at(dir_fd, kClosedName);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's way
  if (::bind(gate.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return Error::from_errno("bind the gate's socket", errno);
  if (::listen(gate.get(), 1) < 0) return Error::from_errno("listen at the gate", errno);
  return gate;
}

Result<void> open_gate(int dir_fd) {
#ifdef VIAL_FAULTS
  const char* place = ::getenv("VIAL_KILL_AT");  // NOLINT(concurrency-mt-unsafe): one thread
  if (place != nullptr && std::strcmp(place, "gate") == 0) ::kill(::getpid(), SIGKILL);
#endif
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

Result<bool> pass_gate(int dir_fd) {
  const Fd socket = TRY(make_socket());
  const sockaddr_un address = address_at(dir_fd, kOpenName);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's way
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return false;
    return Error::from_errno("connect to the gate", errno);
  }
  // Of two starters that have come this far one takes the name away, and only that one goes on.
  if (::unlinkat(dir_fd, kOpenName, 0) < 0) {
    if (errno == ENOENT) return false;
    return Error::from_errno("close the gate", errno);
  }
  const auto sent = send_message(socket.get(), Message::kStart);
  if (!sent && sent.error().error_number() == EPIPE) return false;
  if (!sent) return sent.error();
  TRY(wait_for_exec(socket.get()));
  return true;
}

}  // namespace runtime
