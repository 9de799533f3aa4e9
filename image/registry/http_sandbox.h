// The sandbox of the process that speaks HTTP: an unprivileged user without capabilities, mount, pid, IPC,
// UTS and cgroup namespaces of its own, a root that holds three read-only files for the resolver
// (resolv.conf, hosts and nsswitch.conf, written into a memory file system), a seccomp allow-list, and two
// descriptors. It keeps the machine's network namespace. When it is taken over it can lie about what a
// registry said, which is verified, and talk to the network, nothing else.
#pragma once

#include <functional>

#include "base/result.h"
#include "image/archive/sandbox.h"

namespace image::registry {

// Runs `body` in the child with `socket_fd` as its only descriptor beside the standard three (which are
// /dev/null, but for standard error). `prepare` runs in the child before the doors close. The child dies with
// this process. Errors: kSystem; a sandbox that can't be set up is said on the child's standard error, and
// the child ends.
Result<SandboxedChild> start_http_process(int socket_fd, const std::function<void()>& prepare,
                                          const std::function<int()>& body);

}  // namespace image::registry
