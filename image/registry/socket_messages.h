// Packets with descriptors over a SOCK_SEQPACKET pair (unix(7), SCM_RIGHTS).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace image::registry {

inline constexpr size_t kMaxPassed = 4;  // descriptors with one packet

struct Packet {
  std::string bytes;
  std::vector<Fd> descriptors;
};

// Blocks while the socket's buffer is full. kSystem EPIPE when the peer is gone.
Result<void> send_packet(int socket_fd, std::string_view bytes, const std::vector<int>& descriptors = {});
// The next packet; an empty one when the peer is gone; nullopt when `wait` is false and none is there.
// kCorrupt for a packet of more than kMaxMessage bytes.
Result<std::optional<Packet>> receive_packet(int socket_fd, bool wait);

}  // namespace image::registry
