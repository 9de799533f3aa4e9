// The handlers of the commands that vial-image does; their tables are vial's (cli/image_commands.cc).
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "image/descriptor.h"

namespace cli {

std::span<const HandlerOf> image_handlers();

Result<int> load_images(const Invocation& call);
Result<int> import_image(const Invocation& call);
Result<int> save_images(const Invocation& call);
Result<int> check_images(const Invocation& call);
Result<int> pack_directories(const Invocation& call);
Result<int> pull_image(const Invocation& call);
Result<int> push_image(const Invocation& call);
Result<int> search_images(const Invocation& call);
Result<int> login(const Invocation& call);
Result<int> logout(const Invocation& call);
Result<int> inspect_manifest(const Invocation& call);

// "linux/arm64" or "linux/arm/v7"; nullopt for an empty text. kInvalid for anything else.
Result<std::optional<image::Platform>> parse_platform(const std::string& text);

}  // namespace cli
