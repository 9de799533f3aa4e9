// --output of commands that write archives.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// A whole file appears under its name, or nothing: what fails half way leaves what was there before. What is
// no regular file (a pipe, a device) is written to as it is. Errors: those of `write`, kSystem.
Result<void> write_output_file(const std::string& path, const std::function<Result<void>(int fd)>& write);

}  // namespace cli
