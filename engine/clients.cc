#include "engine/clients.h"

#include <algorithm>
#include <cerrno>

namespace engine {

void Clients::add_attached(Fd socket, uint32_t wants) {
  Client& client = all_.emplace_back();
  client.socket = std::move(socket);
  client.wants = wants;
  client.is_attached = true;
}

void Clients::broadcast(FrameKind kind, std::string_view payload, uint32_t wanted) {
  for (auto& client : all_) {
    if (client.is_attached && (wanted == 0 || (client.wants & wanted) != 0)) send(client, kind, payload);
  }
}

void Clients::send(Client& client, FrameKind kind, std::string_view payload) {
  if (!client.socket) return;
  client.queue.push_back({kind, std::string(payload)});
  client.queued_bytes += payload.size() + 1;
  flush(client);
}

void Clients::flush(Client& client) {
  while (client.socket && !client.queue.empty()) {
    const Frame& frame = client.queue.front();
    const auto sent = send_frame(client.socket.get(), frame.kind, frame.payload, false);
    if (!sent && sent.error().error_number() == EAGAIN) return;
    if (!sent) {
      client.socket.reset();
      return;
    }
    client.queued_bytes -= frame.payload.size() + 1;
    client.queue.pop_front();
  }
}

void Clients::remove_closed() {
  all_.remove_if([](const Client& client) { return !client.socket; });
}

bool Clients::is_blocked() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const Client& client) { return client.socket && client.queued_bytes > kMostQueued; });
}

bool Clients::has_unsent() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const Client& client) { return client.socket && !client.queue.empty(); });
}

}  // namespace engine
