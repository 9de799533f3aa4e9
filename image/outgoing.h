// An image as it leaves this machine, to an archive or a registry: the manifest that it came with where all
// its layers are here in that form, else one made of what is here. The same store gives the same bytes each
// time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/distribution.h"
#include "image/store.h"

namespace image {

struct Outgoing {
  std::string manifest_json;
  std::string media_type;  // of the manifest
  std::string config_json;
  std::vector<LayerBlob> layers;  // bottom to top; their bytes are in the store
};

// Errors: kNotFound for a layer whose packed form is not here, kCorrupt.
Result<Outgoing> make_outgoing(const Store& store, const Image& image);

// An OCI manifest (image-spec manifest.md) of a configuration and layers.
std::string make_manifest_json(const Digest& config, size_t config_bytes,
                               const std::vector<LayerBlob>& layers);

}  // namespace image
