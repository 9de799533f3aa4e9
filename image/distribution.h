// How a layer travels: the compressed blobs that a diff id is known to come as, and where registries have
// them. With it push and save send the bytes that came, under the same digests, and push can mount a blob
// from another repository.
//
//   ROOT/distribution/<hex of the diff id>.json
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"

namespace image {

// One form of a layer, named by the digest of its bytes as they are sent.
struct LayerBlob {
  Digest digest;
  uint64_t size = 0;
  std::string media_type;                      // "application/vnd.oci.image.layer.v1.tar+gzip"
  std::vector<std::string> repositories = {};  // that have it: "localhost:5000/busybox", sorted
};

// All known forms of a layer; none when nothing is known. kCorrupt for a damaged file.
Result<std::vector<LayerBlob>> read_layer_blobs(const std::string& root, const Digest& diff_id);
// Adds a form, or its repositories to one that is known already. The store is locked exclusively.
Result<void> add_layer_blob(const std::string& root, const Digest& diff_id, const LayerBlob& blob);
// Diff ids of all files.
Result<std::vector<Digest>> list_distributions(const std::string& root);
std::string distribution_path(const std::string& root, const Digest& diff_id);

}  // namespace image
