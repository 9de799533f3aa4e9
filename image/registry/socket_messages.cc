#include "image/registry/socket_messages.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "image/registry/http_message.h"

namespace image::registry {

namespace {

constexpr size_t kControlBytes = CMSG_SPACE(kMaxPassed * sizeof(int));

}  // namespace

Result<void> send_packet(int socket_fd, std::string_view bytes, const std::vector<int>& descriptors) {
  if (bytes.size() > kMaxMessage) return invalid("request: headers and address are too large");
  iovec data = {const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT: sendmsg(2) only reads
  alignas(cmsghdr) std::array<char, kControlBytes> control = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  for (;;) {
    if (::sendmsg(socket_fd, &message, MSG_NOSIGNAL) >= 0) return ok();
    if (errno != EINTR) return Error::from_errno("sendmsg", errno);
  }
}

Result<std::optional<Packet>> receive_packet(int socket_fd, bool wait) {
  Packet packet;
  packet.bytes.resize(kMaxMessage);
  iovec data = {packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) std::array<char, kControlBytes> control = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = -1;
  do {
    count = ::recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return std::optional<Packet>();
  if (count < 0 && errno != ECONNRESET) return Error::from_errno("recvmsg", errno);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); count >= 0 && header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::array<int, kMaxPassed> numbers = {};
    std::memcpy(numbers.data(), CMSG_DATA(header), std::min(passed, kMaxPassed) * sizeof(int));
    for (size_t i = 0; i < std::min(passed, kMaxPassed); ++i)
      packet.descriptors.emplace_back(numbers[i]);
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return corrupt("the HTTP process said too much at once");
  packet.bytes.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  return std::optional(std::move(packet));
}

}  // namespace image::registry
