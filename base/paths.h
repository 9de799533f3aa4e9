// Paths as text.
#pragma once

#include <string>

#include "base/result.h"

// Where the program was called. Errors of getcwd(3).
Result<std::string> working_directory();

// `path` from where the program was called: the working directory before a relative one, and alone for "" and
// ".". Errors of getcwd(3).
Result<std::string> absolute_path(const std::string& path);
