// What the sandboxed unpacker can't do to a layer, because it takes privileges or the layers below: marking
// opaque directories, and giving directories that no entry described the owner and mode that they have below.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/unpack.h"

namespace image {

// `layer` is the layer's fs directory, `lower` those of the layers below it, bottom to top. All paths in
// `answer` are hostile: they are walked beneath their directory, without links. Errors: kSystem.
Result<void> finish_layer(const std::string& layer, const std::vector<std::string>& lower,
                          const UnpackAnswer& answer);

}  // namespace image
