// Compiled seccomp filters on disk, so that a start reads a few KiB instead of compiling.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "security/filter.h"

namespace security {

// What `compile` gives, from `directory` (made when missing, 0700) when this very program has compiled it
// there from the same text, else compiled now and put there. `made_from` is all that the filter depends on;
// it is compared as a whole, a digest of it is only the name of the file. The directory holds 256 filters at
// the most, a new one takes the place of another. What is in it is loaded as it is, so a directory that
// others may write is not used. A cache that can't be read or written is no error. Errors: those of
// `compile`.
Result<FilterProgram> cached_filter(const std::string& directory, std::string_view made_from,
                                    const std::function<Result<FilterProgram>()>& compile);

// compile_filter(), through the cache in `directory`.
Result<FilterProgram> cached_filter(const std::string& directory, const SeccompFilterSpec& spec);

}  // namespace security
