// `push`: an image of the store to a registry, under the digests that it came with: the layers' blobs as they
// were received, several at a time, and its manifest, if it came with one, byte for byte.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/reference.h"
#include "image/registry/settings.h"
#include "image/store.h"

namespace image::registry {

enum class PushPhase { kPreparing, kWaiting, kPushing, kPushed, kExists, kMounted };

class PushObserver {
 public:
  PushObserver() = default;
  PushObserver(const PushObserver&) = delete;
  PushObserver& operator=(const PushObserver&) = delete;
  virtual ~PushObserver() = default;
  // Ids are the first twelve digits of the layers' diff ids; `from`: with kMounted, the other repository.
  virtual void on_layer(size_t index, const std::string& id, PushPhase phase, const std::string& from) = 0;
  // After kPushing.
  virtual void on_bytes(size_t index, uint64_t done, uint64_t total) = 0;
  virtual void on_tag(const std::string& tag, const Digest& digest, size_t manifest_bytes) = 0;
};

struct PushRequest {
  Reference reference;  // with a tag; with all_tags only its repository counts
  bool all_tags = false;
  std::string platform = {};  // that the image must be for; empty: any
};

// Errors: kNotFound in Docker's words for a name that is not here, those of make_outgoing(), BlobUpload and
// fetch(), kCorrupt when the registry took something else than was sent. What was sent before an error stays
// there.
Result<void> push(const Store& store, const PushRequest& request, const Settings& settings,
                  PushObserver& observer);

}  // namespace image::registry
