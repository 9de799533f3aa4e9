// A damaged layer made anew from its packed form.
#pragma once

#include <vector>

#include "base/result.h"
#include "image/store.h"

namespace image {

// `lower` are the layers below it, bottom to top. Errors: kNotFound when the packed form is not here,
// kCorrupt when it is damaged, too; the layer is as it was then.
Result<void> repair_layer(const Store& store, const Layer& layer, const std::vector<const Layer*>& lower);

}  // namespace image
