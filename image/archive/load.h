// `load`: images from an archive or an OCI directory into the store.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/limits.h"
#include "image/descriptor.h"
#include "image/digest.h"
#include "image/reference.h"
#include "image/store.h"

namespace image {

struct LoadRequest {
  std::string input = "-";  // a file, a directory, or "-" for standard input
  Limits limits;
  std::optional<Platform> platform;  // absent: this machine's
  // Called before each layer that is unpacked, with its number (from 1) and how many are.
  std::function<void(size_t number, size_t count)> on_layer;
};

struct LoadedImage {
  Digest id;
  std::vector<Reference> tags;
};

// Everything is unpacked and verified before the first image is published. Errors as Source, read_layout,
// unpack_layer and Store::publish; on any of them the store is as it was (images before the failed one in the
// same archive may be published).
Result<std::vector<LoadedImage>> load(const Store& store, const LoadRequest& request);

}  // namespace image
