// What an archive may ask of this machine. Everything that comes from outside is measured against these while
// it is read, not after.
#pragma once

#include <cstddef>
#include <cstdint>

namespace image {

struct Limits {
  uint64_t max_bytes = 64ULL << 30U;        // of one layer, unpacked: sizes of its files, and of its tar
  uint64_t max_entries = 10'000'000;        // of one layer
  uint64_t max_ratio = 200;                 // unpacked tar to compressed bytes ...
  uint64_t ratio_free_bytes = 1ULL << 30U;  // ... beyond this many, which any image may have
  size_t max_path = 4096;
  size_t max_component = 255;
  size_t max_depth = 1024;
  size_t max_xattr_bytes = 65536;  // names and values of one entry
};

}  // namespace image
