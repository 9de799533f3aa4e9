// A blob on its way to a registry: nothing is sent when the repository has it, or when the registry can take
// it from another of its repositories. Source: OCI distribution-spec, "Pushing blobs".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "image/registry/remote.h"

namespace image::registry {

struct BlobToPush {
  Digest digest;
  uint64_t size = 0;
  int fd = -1;                           // a file with its bytes; -1: not here, it has to be there already
  std::vector<std::string> known_paths;  // other repositories of the same registry that have it
};

struct PushedBlob {
  enum class How { kExisted, kMounted, kUploaded } how = How::kExisted;
  std::string mounted_from;
};

// Errors: kNotFound when the bytes are neither here nor there; kInvalid for what the registry refuses
// ("denied: requested access to the resource is denied"); those of fetch(). A broken upload is taken up where
// the registry says that it broke, three times at most.
Result<PushedBlob> push_blob(Remote& remote, const std::string& path, const BlobToPush& blob);

}  // namespace image::registry
