#include "cli/image/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/strings.h"
#include "base/syscalls.h"

namespace cli {

Result<void> write_output_file(const std::string& path, const std::function<Result<void>(int fd)>& write) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    const Fd special = TRY_IN("open " + printable(path), sys::open(path.c_str(), O_WRONLY));
    return write(special.get());
  }
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  const Fd file = TRY_IN("write " + printable(path),
                         sys::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto written = write(file.get());
  if (written && ::rename(temporary.c_str(), path.c_str()) < 0)
    written = Error::from_errno("rename " + printable(temporary), errno);
  if (!written) ::unlink(temporary.c_str());
  return written;
}

}  // namespace cli
