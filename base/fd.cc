#include "base/fd.h"

#include <unistd.h>

#include <cerrno>

void Fd::reset() {
  if (fd_ < 0) return;
  const int saved = errno;
  ::close(fd_);
  fd_ = -1;
  errno = saved;
}
