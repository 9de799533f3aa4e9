// Many layers at once: as many sandboxed children as there are processors, each doing all of one layer, which
// costs the least processor time. Only a layer that is more than half of the work is done by two processes
// beside each other, because nothing else could use the second processor.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/unpack_layer.h"

namespace image {

struct LayerJob {
  LayerRequest request;
  std::string what;  // in front of its error: "layer 2 of 3"
};

// In the order of `jobs`. The first error ends it; what was unpacked by then is left. `on_start` is called
// with the index of a job that begins.
Result<std::vector<UnpackedLayer>> unpack_layers(std::vector<LayerJob> jobs,
                                                 const std::function<void(size_t index)>& on_start);

}  // namespace image
