// The clients of a monitor: who is connected, and what still has to be sent to them. A slow client that is
// attached slows the container down as a pipe would (bounded by kMostQueued); a dead one is forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "engine/frames.h"

namespace engine {

inline constexpr size_t kMostQueued = 262144;  // bytes for one client before the container has to wait

struct Client {
  Fd socket;
  uint32_t wants = 0;
  bool is_attached = false;  // has said what it wants
  std::deque<Frame> queue;
  size_t queued_bytes = 0;
};

class Clients {
 public:
  void add(Fd socket) { all_.emplace_back().socket = std::move(socket); }
  void add_attached(Fd socket, uint32_t wants);

  // To everybody who is attached and wants one of `wanted` (0: whatever it wants).
  void broadcast(FrameKind kind, std::string_view payload, uint32_t wanted = 0);
  void send(Client& client, FrameKind kind, std::string_view payload);
  // Sends what is queued as far as there is room.
  void flush(Client& client);
  // Forgets those whose connection has ended.
  void remove_closed();

  bool is_blocked() const;
  bool has_unsent() const;
  bool is_empty() const { return all_.empty(); }
  std::list<Client>& all() { return all_; }

 private:
  std::list<Client> all_;
};

}  // namespace engine
