// Whether an unpacked layer still is what its record says, as far as that can be told without reading its
// files.
#pragma once

#include <string>

#include "image/store.h"

namespace image {

// What is wrong with the layer, as the end of a sentence ("is missing", "has 3 bytes in files instead of
// 10"); empty: nothing. Looks at the record and at the sizes of all files, hard links counted once.
std::string layer_fault(const Store& store, const Digest& chain_id);

}  // namespace image
