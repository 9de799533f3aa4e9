// Unix sockets by name; unix(7). sun_path has 108 bytes: names at deeper paths go by a descriptor.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

// A close-on-exec AF_UNIX socket. `type`: SOCK_*, with SOCK_NONBLOCK or without.
Result<Fd> unix_socket(int type);

// connect(2) and bind(2) to `name` in the directory; the path to that may be of any length. kSystem.
Result<void> connect_at(int socket_fd, int dir_fd, const char* name);
Result<void> bind_at(int socket_fd, int dir_fd, const char* name);

// A new stream socket that is connected to `path`, of any length. kSystem.
Result<Fd> connect_to_path(const std::string& path);
