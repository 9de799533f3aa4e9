// How a write to a kernel file is said (as strace(1) does) and spelled in shell.
#pragma once

#include <string>

#include "base/strings.h"

namespace cgroups {

inline std::string quoted(const std::string& text) {
  return '"' + printable(text) + '"';
}

inline std::string say_write(const std::string& path, const std::string& text) {
  return "write(" + quoted(path) + ", " + quoted(text) + ")";
}

inline std::string shell_write(const std::string& path, const std::string& text) {
  return "echo " + shell_quote(text) + " > " + shell_quote(path);
}

}  // namespace cgroups
