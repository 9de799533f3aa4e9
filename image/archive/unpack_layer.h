// One layer from an archive or a pipe into a staging directory, by sandboxed children, then the verification.
// Several can be under way at once.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/feed.h"
#include "image/archive/inflate.h"
#include "image/archive/limits.h"
#include "image/archive/unpack.h"
#include "image/digest.h"
#include "image/distribution.h"

namespace image {

inline constexpr mode_t kRootMode = 0755;  // of the root of a layer whose archive does not say

struct LayerRequest {
  Input input;
  std::string directory;              // empty, becomes the layer's fs
  std::string empty_directory;        // for the feeder
  std::optional<Digest> blob_digest;  // absent: nobody says, or whoever sends the input has verified it
  std::optional<uint64_t> blob_bytes;
  std::optional<Digest> diff_id;
  std::string media_type;  // of the blob as it comes; empty: not known
  // Where the layer is kept as registries take it (NewLayer::blob_file); a path in the store's file system,
  // written anew. Empty: whoever reads the input keeps it.
  std::string keep_as;
  Limits limits;
  // One child for all of it, instead of two beside each other: for several layers at once.
  bool fused = false;
};

struct UnpackedLayer {
  Digest diff_id;
  UnpackAnswer answer;
  std::optional<LayerBlob> kept = {};  // what keep_as is now
  // For NewLayer: 0 when entries replaced others, so that the tree can't be measured against the archive.
  uint64_t countable_entries() const { return answer.replaced ? 0 : answer.entries; }
};

// A layer that is being unpacked. Destroying it kills the children; what they wrote stays.
class LayerUnpacking {
 public:
  // `request` may go afterwards; the descriptor of its input may be closed.
  static Result<LayerUnpacking> start(const LayerRequest& request);
  // Readable once finish() need not wait (long): for poll(2).
  int pidfd() const { return unpacker_.pidfd(); }
  // Errors: kCorrupt when a digest or size is not what it should be, and those of Feed and Unpacker. What was
  // unpacked by then is left in the directory.
  Result<UnpackedLayer> finish();

 private:
  LayerUnpacking(LayerRequest request, Unpacker unpacker)
      : request_(std::move(request)), unpacker_(std::move(unpacker)) {}
  LayerRequest request_;
  std::optional<Feeder> feeder_;
  Unpacker unpacker_;
};

// start() and finish().
Result<UnpackedLayer> unpack_layer(const LayerRequest& request);

}  // namespace image
