// Paths as text.
#pragma once

#include <string>

#include "base/result.h"

// `path` from where the program was called: the working directory before a relative one, and alone for "" and
// ".". Errors of getcwd(3).
Result<std::string> absolute_path(const std::string& path);
