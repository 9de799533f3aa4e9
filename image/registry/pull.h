// `pull`: an image from a registry into the store. Layers come several at a time, each is unpacked while it
// comes; nothing is published before all of it is verified.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/limits.h"
#include "image/reference.h"
#include "image/registry/manifest_fetch.h"
#include "image/registry/remote.h"
#include "image/store.h"

namespace image::registry {

enum class LayerPhase { kPending, kWaiting, kDownloading, kDownloaded, kExtracting, kComplete, kExists };

// Who is told how it goes. Ids are the first twelve digits of the layers' digests.
class PullObserver {
 public:
  PullObserver() = default;
  PullObserver(const PullObserver&) = delete;
  PullObserver& operator=(const PullObserver&) = delete;
  virtual ~PullObserver() = default;
  // `which` is a tag, or a whole name with a digest, as Docker shows them.
  virtual void on_image(const std::string& which, const Reference& repository) = 0;
  virtual void on_layer(size_t index, const std::string& id, LayerPhase phase) = 0;
  virtual void on_bytes(size_t index, uint64_t done, uint64_t total) = 0;
  virtual void on_end() = 0;
};

struct PullRequest {
  Reference reference;  // with a tag or a digest; with all_tags only its repository counts
  std::optional<Platform> platform;
  bool all_tags = false;
  Limits limits;
};

struct PulledImage {
  Reference reference;
  Digest id;
  Digest manifest_digest;  // of what the name stands for in the registry
  bool is_new = false;     // the name stood for another image, or none
};

// Errors: those of fetch_image() and LayerDownload, Store::publish. On any of them the store is as it was,
// but for images of tags before the failed one; bytes that came are kept for the next pull.
Result<std::vector<PulledImage>> pull(const Store& store, const PullRequest& request,
                                      const Settings& settings, PullObserver& observer);

// The credentials for a reference, as ~/.docker/config.json and its helpers have them.
Result<std::optional<Credentials>> find_credentials(const Reference& reference);

}  // namespace image::registry
