#include "tests/unit/security/in_child.h"

#include "base/file.h"
#include "base/strings.h"

std::string status_line(const std::string& name) {
  const auto status = read_file("/proc/self/status");
  if (!status) return status.error().text();
  for (const std::string& line : split(*status, '\n'))
    if (line.compare(0, name.size() + 1, name + ":") == 0)
      return std::string(trim(line.substr(name.size() + 1)));
  return "no such line";
}
