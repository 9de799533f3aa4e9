// Compiled seccomp filters on disk, so that a start reads 4 KiB instead of compiling. Only for the built-in
// profile: its filters depend on three numbers and on this program, and nothing of a user's is ever a key.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "security/filter.h"
#include "security/seccomp_profile.h"

namespace engine {

// The filters of a container with the built-in profile, in the order they are loaded: from `directory` (made
// when missing, 0700) when this very program has put them there, else compiled and put there. A cache that
// can't be read or written is no error. Errors: those of security::compile_filter().
Result<std::vector<security::FilterProgram>> builtin_filters(const security::ProfileFacts& facts,
                                                             const std::string& directory);

}  // namespace engine
