#include "runtime/delivery.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace runtime {

namespace {

// Device, FIFO, socket: what a rename would put a file in the place of, as in --pid-file /dev/null.
bool is_special(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) < 0) return false;
  return !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) && !S_ISDIR(status.st_mode);
}

}  // namespace

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  constexpr mode_t kReadable = 0644;
  if (is_special(path)) {
    const Fd fd = TRY_IN("pid file", sys::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY));
    TRY_IN("pid file " + printable(path), write_all(fd.get(), std::to_string(pid)));
    return ok();
  }
  TRY_IN("pid file", replace_file(path, std::to_string(pid), kReadable));
  return ok();
}

void remove_pid_file(const std::string& path) {
  if (!path.empty() && !is_special(path)) ::unlink(path.c_str());
}

Result<Fd> connect_to(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno("socket", errno);
  // sun_path has 108 bytes: a longer path goes by a descriptor.
  const Fd target = TRY(sys::open(path.c_str(), O_PATH));
  const std::string short_path = "/proc/self/fd/" + std::to_string(target.get());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API's way
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return Error::from_errno("connect to " + printable(path), errno);
  return socket;
}

Result<void> send_descriptor(int socket_fd, int fd, const std::string& name) {
  TRY_IN("send " + name, sys::sendmsg(socket_fd, name, fd));
  return ok();
}

}  // namespace runtime
