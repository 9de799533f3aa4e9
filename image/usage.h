// What the store occupies on disk, part by part, and which images each part is for: `system df` and prune add
// it up.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/result.h"
#include "image/store.h"

namespace image {

// An unpacked layer, or a blob: bytes on disk (st_blocks), as du(1) counts them.
struct StoredPart {
  uint64_t bytes = 0;
  std::set<Digest> images;  // that need it; empty: garbage, or a layer that only containers use
};

// Reads every inode of the store. Errors: kSystem.
Result<std::vector<StoredPart>> measure(const Store& store);

uint64_t total_bytes(const std::vector<StoredPart>& parts);
// What would be left free if all images but these went.
uint64_t reclaimable_bytes(const std::vector<StoredPart>& parts, const std::set<Digest>& kept);
struct ImageBytes {
  uint64_t unique = 0;
  uint64_t shared = 0;  // with other images
};
ImageBytes bytes_of(const std::vector<StoredPart>& parts, const Digest& image);

}  // namespace image
