#include "base/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "base/syscalls.h"

namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error::from_errno("unix socket", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  return address;
}

std::string path_below(int dir_fd) {
  return "/proc/self/fd/" + std::to_string(dir_fd);
}

Result<void> connect_by(int socket_fd, const std::string& path) {
  const sockaddr_un address = TRY(address_of(path));
  int result = 0;
  do {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's way
    result = ::connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? Error::from_errno("connect", errno) : ok();
}

}  // namespace

Result<Fd> unix_socket(int type) {
  Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno("socket", errno);
  return socket;
}

Result<void> connect_at(int socket_fd, int dir_fd, const char* name) {
  return connect_by(socket_fd, path_below(dir_fd) + "/" + name);
}

Result<void> bind_at(int socket_fd, int dir_fd, const char* name) {
  const sockaddr_un address = TRY(address_of(path_below(dir_fd) + "/" + name));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's way
  const int result = ::bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result < 0 ? Error::from_errno("bind", errno) : ok();
}

Result<Fd> connect_to_path(const std::string& path) {
  Fd socket = TRY(unix_socket(SOCK_STREAM));
  if (path.size() < sizeof sockaddr_un::sun_path) {
    TRY(connect_by(socket.get(), path));
    return socket;
  }
  const Fd target = TRY(sys::open(path.c_str(), O_PATH));
  TRY(connect_by(socket.get(), path_below(target.get())));
  return socket;
}
