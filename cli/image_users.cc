#include "cli/image_users.h"

namespace cli {

image::RemoveOptions removal_options(const engine::Listing& listing, bool force) {
  image::RemoveOptions options;
  options.force = force;
  for (const auto& container : listing.containers) {
    const auto& layers = container.record.image.layer_directories;
    options.layers_in_use.insert(layers.begin(), layers.end());
  }
  options.user_of = [&listing](const image::Digest& id) {
    std::optional<image::ImageUser> user;
    for (const auto& container : listing.containers) {
      const bool runs = container.state.pid != 0;
      if (container.record.image.id != id.text() || (user && !runs)) continue;
      user = image::ImageUser{container.record.id.substr(0, 12), runs};
      if (runs) break;  // the one that can't be forced
    }
    return user;
  };
  return options;
}

}  // namespace cli
