// Dockerfile instructions that change an image's configuration and nothing else, as `import --change` and
// `commit --change` take them. Source: docs.docker.com/reference/dockerfile. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/config.h"

namespace image {

// One instruction: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR. Errors:
// kInvalid, `RUN is not a valid change command`.
Result<void> apply_change(RunConfig& config, std::string_view instruction);

// Words as a Dockerfile separates them: blanks, single and double quotes, backslashes. kInvalid for an open
// quote.
Result<std::vector<std::string>> split_words(std::string_view text);

}  // namespace image
