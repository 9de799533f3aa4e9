// What clients and the monitor say to each other: one packet a frame on a SOCK_SEQPACKET unix socket, one
// byte for the kind, then the payload. Both ends are vial as root; a packet that does not fit is kCorrupt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace engine {

enum class FrameKind : uint8_t {
  // from the monitor
  kStarted = 1,  // the program runs; for clients that come later: you are attached
  kFailed,       // it could not be started: code, text
  kExplained,    // text for the caller's stderr
  kWarning,      // the same, a line each
  kOutput,       // bytes of stdout, or of the console
  kError,        // bytes of stderr
  kExit,         // code
  // from a client
  kAttach,    // the first frame on a new connection: a bit set of kWant...
  kInput,     // bytes
  kInputEnd,  // the client's stdin is at its end
  kResize,    // rows, columns
  kSignal,    // number
};

enum Want : uint32_t { kWantInput = 1, kWantOutput = 2, kWantError = 4 };

inline constexpr size_t kMaxPayload = 32768;

struct Frame {
  FrameKind kind = FrameKind::kFailed;
  std::string payload;
};

// Numbers travel as 32 bits in host order: both ends are on one machine.
std::string pack_numbers(std::initializer_list<uint32_t> numbers);
// The `index`th number of a payload; 0 beyond its end.
uint32_t number_at(std::string_view payload, size_t index);

// Sends one frame. With `wait` blocks until there is room, otherwise EAGAIN. EPIPE when the peer is gone.
Result<void> send_frame(int socket_fd, FrameKind kind, std::string_view payload, bool wait);
// Receives one frame. kNotFound at the end of the connection; EAGAIN when nothing is there and not `wait`.
Result<Frame> receive_frame(int socket_fd, bool wait);

// The listening socket of a monitor, mode 0600, replacing one that a dead monitor left. The directory is
// reached by descriptor, since a socket's path may have 107 bytes only (unix(7)).
Result<Fd> listen_at(const std::string& directory, const char* name);
// kNotFound when nobody listens.
Result<Fd> connect_to(const std::string& directory, const char* name);
// Takes a connection; only root's (SO_PEERCRED), kInvalid otherwise.
Result<Fd> accept_from_root(int listener_fd);

inline constexpr const char* kMonitorSocket = "monitor.sock";

}  // namespace engine
