// One layer of a pull: bytes from the store or the partial file of an earlier try, then from the registry,
// are hashed, written to that file and given to the sandboxed children that unpack them, all at once. A state
// machine: several run in one thread. Broken connections are resumed where they broke.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/hash.h"
#include "image/archive/limits.h"
#include "image/archive/unpack_layer.h"
#include "image/descriptor.h"
#include "image/registry/fetch.h"
#include "image/registry/ingest.h"

namespace image::registry {

struct LayerOrder {
  Descriptor blob;
  Digest diff_id;
  std::string repository_path;  // "library/busybox"
  std::string store_root;
  std::string directory;        // in staging, made here; its "fs" becomes the layer
  std::string empty_directory;  // see LayerRequest
  Limits limits;
  bool is_most = false;  // of what is left of the pull: two processors for it
};

class LayerDownload {
 public:
  static Result<std::unique_ptr<LayerDownload>> start(Remote& remote, LayerOrder order);

  // Goes on as far as it can without waiting. True when all bytes are verified and unpacked.
  // Errors: kCorrupt when digest or size are not what the manifest says, kInvalid and kCorrupt for what is no
  // layer, those of fetch(), kSystem. The partial file of a broken connection is kept, a wrong one is not.
  Result<bool> advance();
  const Waiting& waiting() const { return waiting_; }

  uint64_t done_bytes() const { return position_; }
  bool is_downloaded() const { return verified_; }
  const UnpackedLayer& unpacked() const { return *unpacked_; }
  // The verified bytes, to be moved into the store.
  const std::string& blob_file() const { return ingest_.path(); }
  void remove_blob_file() { ingest_.remove(); }

 private:
  LayerDownload(Remote& remote, LayerOrder order, Ingest ingest, Hasher hasher)
      : remote_(&remote), order_(std::move(order)), ingest_(std::move(ingest)), hasher_(std::move(hasher)) {}
  // What a step found: more to do at once, or to wait as waiting_ says.
  enum class Step { kGoOn, kWait };
  Result<void> start_unpacking();
  Result<void> start_over();
  Result<Step> feed();
  Result<Step> replay();
  Result<Step> download();
  Result<Step> take_head();
  Result<Step> read_network();
  Result<Step> take_end();
  enum class Break { kEnded, kStalled };
  Result<Step> take_up_later(const Error& error, Break how);
  Result<void> take(std::string_view bytes);
  Result<void> verify();
  Result<bool> collect();
  Error failed(const Error& error);

  Remote* remote_;
  LayerOrder order_;
  Ingest ingest_;
  Hasher hasher_;
  std::optional<LayerUnpacking> unpacking_;
  Fd input_;  // of the children; non-blocking
  std::unique_ptr<Fetch> fetch_;
  bool has_head_ = false;
  uint64_t skip_ = 0;  // bytes that a server sends again, as it does not know Range
  uint64_t position_ = 0;
  uint64_t replayed_ = 0;      // bytes of an earlier try
  uint64_t last_break_ = 0;    // where the connection broke last
  int breaks_ = 0;             // without much progress in between
  int64_t last_byte_ns_ = 0;   // when the registry sent something
  int64_t not_before_ns_ = 0;  // when to ask again
  std::vector<char> buffer_;
  std::string_view unsent_;  // of buffer_: not yet given to the children
  bool verified_ = false;
  std::optional<UnpackedLayer> unpacked_;
  Waiting waiting_ = {-1, -1, 0};  // there is something to do at once
};

}  // namespace image::registry
