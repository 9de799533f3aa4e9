// What containers need of the image store: for commands that remove images.
#pragma once

#include "engine/store.h"
#include "image/store.h"

namespace cli {

// Their layers stay, and the image itself unless forced. `listing` is borrowed by the result.
image::RemoveOptions removal_options(const engine::Listing& listing, bool force);

}  // namespace cli
