// One layer from an archive into a staging directory: feeder and unpacker side by side, then the
// verification.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "image/archive/inflate.h"
#include "image/archive/limits.h"
#include "image/archive/unpack.h"
#include "image/digest.h"

namespace image {

struct LayerRequest {
  Input input;
  std::string directory;        // empty, becomes the layer's fs
  std::string empty_directory;  // for the feeder
  std::optional<Digest> blob_digest;
  std::optional<uint64_t> blob_bytes;
  std::optional<Digest> diff_id;
  Limits limits;
};

struct UnpackedLayer {
  Digest diff_id;
  UnpackAnswer answer;
};

// Errors: kCorrupt when a digest or size is not what it should be, and those of Feeder and Unpacker. What was
// unpacked by then is left in the directory.
Result<UnpackedLayer> unpack_layer(const LayerRequest& request);

}  // namespace image
