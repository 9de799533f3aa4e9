// `import`: an image of one layer from a tar of a root file system.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/limits.h"
#include "image/descriptor.h"
#include "image/reference.h"
#include "image/store.h"

namespace image {

struct ImportRequest {
  std::string input = "-";  // a file, or "-" for standard input; compressed or not
  std::optional<Reference> tag;
  std::vector<std::string> changes;  // Dockerfile instructions, see image/changes.h
  std::string message;               // empty: "Imported from FILE"
  std::optional<Platform> platform;  // absent: this machine's
  Limits limits;
};

// The new image's id. Errors as unpack_layer and Store::publish, kInvalid for a wrong change; the store is as
// it was.
Result<Digest> import_tar(const Store& store, const ImportRequest& request);

}  // namespace image
