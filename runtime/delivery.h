// What a runtime hands to its caller: the pid file, and descriptors over a unix socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/launch.h"

namespace runtime {

// Replaces `path` by a file with the decimal pid, atomically: a reader sees all of it or the old one. What is
// no file (/dev/null, a FIFO) is written to. kSystem.
Result<void> write_pid_file(const std::string& path, pid_t pid);
// After an error; what is no file stays. An empty path is none.
void remove_pid_file(const std::string& path);

// Connects to the caller's stream socket; unix(7). A path of any length. kSystem.
Result<Fd> connect_to(const std::string& path);
// Sends the console's master to `console_socket` and keeps none, if there are both, and the init's pidfd to
// the socket at `pidfd_socket` unless that is empty: each one message with the descriptor (SCM_RIGHTS) and
// its name as the data. kSystem.
Result<void> deliver(Launched& launched, const Fd& console_socket, const std::string& pidfd_socket);

}  // namespace runtime
