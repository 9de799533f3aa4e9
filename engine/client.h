// The caller's side of a monitor: waits for the start, then connects the caller's stdio, signals and terminal
// with the container until it ends or the caller detaches.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "engine/operations.h"

namespace engine {

struct StartAnswer {
  std::optional<std::string> failure;
  int exit_code = 0;  // with failure
};
// Reads until the monitor says started or failed; explanations go to stderr, warnings are collected. kCorrupt
// when the monitor ends without a word.
Result<StartAnswer> wait_for_start(int socket_fd, std::vector<std::string>& warnings);

struct SessionEnd {
  int exit_code = 0;
  bool detached = false;
};
// The connection after the start. With `tty` the caller's terminal is raw meanwhile. Returns the container's
// code; 128 + n when a signal ends the command itself, and the container lives on. kCorrupt when the monitor
// is gone.
Result<SessionEnd> run_session(int socket_fd, const AttachOptions& options, bool tty);

// A set of Want for the options.
uint32_t wants_of(const AttachOptions& options);

}  // namespace engine
