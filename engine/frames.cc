#include "engine/frames.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/socket.h"
#include "base/syscalls.h"

namespace engine {

namespace {

constexpr int kBacklog = 16;

}  // namespace

std::string pack_numbers(std::initializer_list<uint32_t> numbers) {
  std::string payload(numbers.size() * sizeof(uint32_t), '\0');
  size_t offset = 0;
  for (const uint32_t number : numbers) {
    std::memcpy(payload.data() + offset, &number, sizeof number);
    offset += sizeof number;
  }
  return payload;
}

uint32_t number_at(std::string_view payload, size_t index) {
  uint32_t number = 0;
  const size_t offset = index * sizeof number;
  if (payload.size() >= offset + sizeof number) std::memcpy(&number, payload.data() + offset, sizeof number);
  return number;
}

Result<void> send_frame(int socket_fd, FrameKind kind, std::string_view payload, bool wait) {
  if (payload.size() > kMaxPayload) return invalid("frame is too large");
  auto tag = static_cast<uint8_t>(kind);
  std::array<iovec, 2> parts = {
      iovec{&tag, 1}, iovec{const_cast<char*>(payload.data()), payload.size()}};  // NOLINT: sendmsg(2)
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_fd, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::from_errno("send", errno);
  return ok();
}

Result<Frame> receive_frame(int socket_fd, bool wait) {
  std::array<char, kMaxPayload + 1> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
  ssize_t count = 0;
  do {
    count = ::recv(socket_fd, buffer.data(), buffer.size(), MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
  } while (count < 0 && errno == EINTR);
  if (count == 0 || (count < 0 && errno == ECONNRESET)) return not_found("the connection has ended");
  if (count < 0) return Error::from_errno("receive", errno);
  const auto size = static_cast<size_t>(count);
  const auto tag = static_cast<uint8_t>(buffer[0]);
  if (size > buffer.size() || tag < static_cast<uint8_t>(FrameKind::kStarted) ||
      tag > static_cast<uint8_t>(FrameKind::kSignal)) {
    return corrupt("not a frame of vial");
  }
  return Frame{static_cast<FrameKind>(tag), std::string(buffer.data() + 1, size - 1)};
}

Result<Fd> listen_at(const std::string& directory, const char* name) {
  const Fd directory_fd = TRY(sys::open(directory.c_str(), O_PATH | O_DIRECTORY));
  Fd fd = TRY(unix_socket(SOCK_SEQPACKET));
  ::unlinkat(directory_fd.get(), name, 0);
  // The directory is 0700: nobody else comes near before the mode is right.
  TRY_IN(name, bind_at(fd.get(), directory_fd.get(), name));
  if (::fchmodat(directory_fd.get(), name, 0600, 0) < 0) return Error::from_errno("chmod", errno);
  if (::listen(fd.get(), kBacklog) < 0) return Error::from_errno("listen", errno);
  return fd;
}

Result<Fd> connect_to(const std::string& directory, const char* name) {
  const auto directory_fd = sys::open(directory.c_str(), O_PATH | O_DIRECTORY);
  if (!directory_fd) return not_found("no monitor listens");
  Fd fd = TRY(unix_socket(SOCK_SEQPACKET));
  auto connected = connect_at(fd.get(), directory_fd->get(), name);
  if (connected) return fd;
  const int error_number = connected.error().error_number();
  if (error_number == ENOENT || error_number == ECONNREFUSED) return not_found("no monitor listens");
  return std::move(connected).error().in(name);
}

Result<Fd> accept_from_root(int listener_fd) {
  Fd fd(::accept4(listener_fd, nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return Error::from_errno("accept", errno);
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return Error::from_errno("getsockopt", errno);
  if (peer.uid != 0) return invalid("a client that is not root");
  return fd;
}

}  // namespace engine
