#include "cli/image/handlers.h"

namespace cli {

namespace {

constexpr HandlerOf kHandlers[] = {
    {"image load", load_images},
    {"image import", import_image},
    {"image pull", pull_image},
    {"image push", push_image},
    {"search", search_images},
    {"login", login},
    {"logout", logout},
    {"manifest inspect", inspect_manifest},
    {"image save", save_images},
    {"system check", check_images},
    {"image pack-directories", pack_directories},
};

}  // namespace

std::span<const HandlerOf> image_handlers() {
  return kHandlers;
}

Result<std::optional<image::Platform>> parse_platform(const std::string& text) {
  if (text.empty()) return std::optional<image::Platform>();
  return std::optional(TRY(image::parse_platform(text)));
}

}  // namespace cli
