#include "base/paths.h"

#include <unistd.h>

#include <cerrno>
#include <climits>

Result<std::string> absolute_path(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::string buffer(PATH_MAX, '\0');
  if (::getcwd(buffer.data(), buffer.size()) == nullptr) return Error::from_errno("getcwd", errno);
  buffer.resize(buffer.find('\0'));
  return path.empty() || path == "." ? buffer : buffer + "/" + path;
}
