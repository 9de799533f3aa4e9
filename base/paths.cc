#include "base/paths.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

Result<std::string> working_directory() {
  std::array<char, PATH_MAX> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): for getcwd
  if (::getcwd(buffer.data(), buffer.size()) == nullptr) return Error::from_errno("getcwd", errno);
  return std::string(buffer.data());
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::string directory = TRY(working_directory());
  return path.empty() || path == "." ? directory : directory + "/" + path;
}
