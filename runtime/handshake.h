// The only channel between the launcher and the init: one SOCK_SEQPACKET pair, fixed-size packets, at most
// one descriptor attached. End of file is never success before kReady, and the only success after kStart
// (execve closed the socket).
//
//   launcher                                   init
//   [id maps, network]  kConfigured  ------->  goes on            only if the plan has steps after clone
//   keeps the master    <----  kConsole + fd   pty made           only with a terminal
//   remembers           <----      kWarning    what a person should know, a line each
//                       <----        kReady    all is done but the last steps and execve
//   saves state         kStart       ------->  last steps, execve
//                       <---- end of file      the program runs
//   any time            <----       kFailed    step, kind, errno, text; then _exit(125)
//   keeps the identity  <---- kBorn + pidfd    only with a joined pid namespace (runtime/joined_pid.h): the
//                       kConfigured  ------->  process inside is there, and learns its pid on the host
//   fault tests only    <----          kDie    the launcher kills itself
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace runtime {

enum class Message : uint32_t {
  kConfigured = 1,
  kConsole,
  kWarning,
  kBorn,
  kOpened,  // between helpers of runtime/joined_pid: a procfs
  kReady,
  kStart,
  kFailed,
  kDie,
  kEndOfFile
};

struct Received {
  Message message = Message::kEndOfFile;
  std::string text;
  std::optional<Error> error;  // with kFailed
  uint32_t step = 0;           // with kFailed: the index of the step
  Fd fd;                       // with kConsole, kBorn and kOpened
  bool was_reset = false;      // with kEndOfFile: the peer is gone and has not read all
};

// Both ends, close-on-exec.
Result<std::pair<Fd, Fd>> open_handshake();

Result<void> send_message(int socket_fd, Message message, const std::string& text = "", int attached_fd = -1);
// All warnings in few packets, a line each, for a launcher that may not read before we have executed: at most
// 16 KiB, which any socket holds. What is beyond that is counted in the last line.
Result<void> send_warnings(int socket_fd, const std::vector<std::string>& warnings);
Result<void> send_failure(int socket_fd, uint32_t step, const Error& error);

// Waits for one packet. ECONNRESET (the peer is gone with packets unread) counts as end of file. kCorrupt for
// anything that is not a packet of ours.
Result<Received> receive_message(int socket_fd);

// Sleeps until the other side has closed its end. What it said before is still there to be read.
void wait_for_hang_up(int socket_fd);

// receive_message() that takes only `expected`: kCorrupt for another message, kSystem (EPIPE) for the end of
// file.
Result<Received> expect_message(int socket_fd, Message expected);

}  // namespace runtime
