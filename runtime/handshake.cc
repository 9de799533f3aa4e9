#include "runtime/handshake.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/syscalls.h"

namespace runtime {
namespace {

// 1 KiB: room for an error's words with the paths in it. Longer text is cut; nothing decides on it.
struct Packet {
  uint32_t message;
  uint32_t step;
  int32_t error_number;
  uint32_t error_kind;
  std::array<char, 1008> text;
};

union ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr align;
};

Result<void> send_packet(int socket_fd, const Packet& packet, int attached_fd) {
  const std::span<const char> bytes(reinterpret_cast<const char*>(&packet),
                                    sizeof packet);  // NOLINT: its bytes
  TRY_IN("send to the other side of the start", sys::sendmsg(socket_fd, bytes, attached_fd));
  return ok();
}

void copy_text(Packet& packet, const std::string& text) {
  const size_t length = std::min(text.size(), packet.text.size() - 1);
  std::memcpy(packet.text.data(), text.data(), length);
}

}  // namespace

Result<std::pair<Fd, Fd>> open_handshake() {
  sys::SocketPair pair = TRY(sys::socketpair(AF_UNIX, SOCK_SEQPACKET));
  return std::pair<Fd, Fd>(std::move(pair.ours), std::move(pair.theirs));
}

Result<void> send_message(int socket_fd, Message message, const std::string& text, int attached_fd) {
  Packet packet = {};
  packet.message = static_cast<uint32_t>(message);
  copy_text(packet, text);
  return send_packet(socket_fd, packet, attached_fd);
}

Result<void> send_warnings(int socket_fd, const std::vector<std::string>& warnings) {
  constexpr size_t kMostPackets = 16;
  constexpr size_t kCounted = 40;  // room for the last line
  constexpr size_t kRoom = std::tuple_size_v<decltype(Packet::text)> - 1 - kCounted;
  std::string text;
  size_t packets = 1;
  for (size_t i = 0; i < warnings.size(); ++i) {
    const std::string line = warnings[i].substr(0, kRoom - 1) + "\n";
    if (text.size() + line.size() > kRoom && packets == kMostPackets) {
      text += "and " + std::to_string(warnings.size() - i) + " more warnings";
      break;
    }
    if (text.size() + line.size() > kRoom) {
      TRY(send_message(socket_fd, Message::kWarning, text));
      ++packets;
      text.clear();
    }
    text += line;
  }
  return text.empty() ? ok() : send_message(socket_fd, Message::kWarning, text);
}

Result<void> send_failure(int socket_fd, uint32_t step, const Error& error) {
  Packet packet = {};
  packet.message = static_cast<uint32_t>(Message::kFailed);
  packet.step = step;
  packet.error_number = error.error_number();
  packet.error_kind = static_cast<uint32_t>(error.kind());
  copy_text(packet, error.text());
  return send_packet(socket_fd, packet, -1);
}

Result<Received> receive_message(int socket_fd) {
  Packet packet = {};
  iovec vector = {&packet, sizeof packet};
  ControlBuffer control = {};
  msghdr header = {};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t size = 0;
  // A peer that went without reading all leaves a reset, told once, in front of what it said last.
  bool was_reset = false;
  for (bool again = true; again;) {
    size = ::recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
    again = size < 0 && (errno == EINTR || (errno == ECONNRESET && !was_reset));
    was_reset = was_reset || (size < 0 && errno == ECONNRESET);
  }
  Received received;
  received.was_reset = was_reset;
  if (size == 0 || (size < 0 && errno == ECONNRESET)) return received;
  if (size < 0) return Error::from_errno("receive from the other side of the start", errno);

  const cmsghdr* entry = CMSG_FIRSTHDR(&header);
  if (entry != nullptr && entry->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(entry), sizeof fd);
    received.fd = Fd(fd);
  }
  const bool known = packet.message >= static_cast<uint32_t>(Message::kConfigured) &&
                     packet.message <= static_cast<uint32_t>(Message::kDie);
  if (size != sizeof packet || !known || packet.error_kind > static_cast<uint32_t>(ErrorKind::kCorrupt)) {
    return corrupt("the start's handshake has an unknown packet");
  }
  packet.text.back() = '\0';
  received.message = static_cast<Message>(packet.message);
  received.text = packet.text.data();
  received.step = packet.step;
  if (received.message == Message::kFailed) {
    received.error = Error(static_cast<ErrorKind>(packet.error_kind), received.text, packet.error_number);
  }
  return received;
}

void wait_for_hang_up(int socket_fd) {
  pollfd entry = {socket_fd, POLLRDHUP, 0};
  while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
  }
}

Result<Received> expect_message(int socket_fd, Message expected) {
  Received received = TRY(receive_message(socket_fd));
  if (received.message == Message::kEndOfFile)
    return Error::from_errno("the other side of the start is gone", EPIPE);
  if (received.message != expected) return corrupt("the start's handshake is out of order");
  return received;
}

}  // namespace runtime
