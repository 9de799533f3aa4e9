#include "image/registry/pull.h"

#include <algorithm>
#include <map>
#include <memory>

#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "image/archive/hash.h"
#include "image/archive/layer_finish.h"
#include "image/registry/layer_download.h"

namespace image::registry {

namespace {

// The layers of one image: which the store has, which are under way.
class LayerSet {
 public:
  LayerSet(const Store& store, const Staging& staging, Remote& remote, PullObserver& observer,
           std::string repository)
      : store_(store),
        staging_(staging),
        remote_(remote),
        observer_(observer),
        repository_(std::move(repository)) {}

  Result<std::vector<NewLayer>> provide(const Reference& reference, const RemoteImage& image,
                                        const Limits& limits) {
    TRY(find_present(image));
    const size_t count = layers_.size();
    size_t next = 0;
    while (finished_ < count) {
      while (under_way_.size() < remote_.settings().downloads && next < count) {
        if (!layers_[next].present) TRY(begin(next, reference, limits));
        ++next;
      }
      TRY(finish_in_order());
      if (finished_ == count) break;
      TRY(wait());
      TRY(remote_.client().receive());
      TRY(advance_all());
    }
    std::vector<NewLayer> result;
    for (auto& layer : layers_)
      result.push_back(std::move(layer.publish));
    return result;
  }

 private:
  struct Slot {
    Descriptor blob;
    NewLayer publish;
    bool present = false;
    std::unique_ptr<LayerDownload> download;
    LayerPhase phase = LayerPhase::kPending;
  };

  void tell(size_t index, LayerPhase phase) {
    if (layers_[index].phase == phase) return;
    layers_[index].phase = phase;
    observer_.on_layer(index, layers_[index].blob.digest.short_hex(), phase);
  }

  Result<void> find_present(const RemoteImage& image) {
    const auto& blobs = image.manifest.manifest->layers;
    std::optional<Digest> parent;
    for (size_t i = 0; i < blobs.size(); ++i) {
      const Digest& diff_id = image.config.diff_ids[i];
      Digest chain = TRY(chain_id(parent, diff_id));
      auto present = store_.pin_layer(staging_, chain);
      if (!present && present.error().kind() != ErrorKind::kNotFound) return std::move(present).error();
      Slot slot{blobs[i], NewLayer{chain, diff_id, 0, {}}, present.has_value(), {}};
      if (present) slot.publish.size_bytes = present->size_bytes;
      slot.publish.blob = LayerBlob{blobs[i].digest, blobs[i].size, blobs[i].media_type, {repository_}};
      layers_.push_back(std::move(slot));
      tell(i, layers_[i].present ? LayerPhase::kExists : LayerPhase::kWaiting);
      parent = std::move(chain);
    }
    return ok();
  }

  std::string fs_directory(const Slot& slot) const {
    if (slot.present) return store_.layer_path(layer_directory_name(slot.publish.chain_id)) + "/fs";
    return staging_.path() + "/" + slot.publish.staged + "/fs";
  }

  // True when more than half of the bytes that are still to come are this layer's.
  bool is_most_of_the_rest(size_t index) const {
    uint64_t rest = 0;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Slot& slot = layers_[i];
      if (slot.present || unpacked_.contains(i)) continue;
      rest += slot.blob.size - (slot.download ? slot.download->done_bytes() : 0);
    }
    return layers_[index].blob.size > rest / 2;
  }

  Result<void> begin(size_t index, const Reference& reference, const Limits& limits) {
    Slot& slot = layers_[index];
    slot.publish.staged = "layer-" + std::to_string(index);
    LayerOrder order{slot.blob,
                     slot.publish.diff_id,
                     reference.path(),
                     store_.root(),
                     staging_.path() + "/" + slot.publish.staged,
                     staging_.path() + "/empty",
                     limits,
                     is_most_of_the_rest(index)};
    slot.download = TRY(LayerDownload::start(remote_, std::move(order)));
    under_way_.push_back(index);
    return ok();
  }

  Result<void> wait() const {
    std::vector<Waiting> what;
    for (const size_t index : under_way_)
      what.push_back(layers_[index].download->waiting());
    return wait_for_all(remote_.client(), what, kProgressNs);
  }

  Result<void> advance_all() {
    for (size_t i = 0; i < under_way_.size();) {
      const size_t index = under_way_[i];
      Slot& slot = layers_[index];
      const bool done = TRY(slot.download->advance());
      if (slot.download->done_bytes() > 0 && slot.phase == LayerPhase::kWaiting)
        tell(index, LayerPhase::kDownloading);
      observer_.on_bytes(index, slot.download->done_bytes(), slot.blob.size);
      if (slot.download->is_downloaded()) tell(index, LayerPhase::kDownloaded);
      if (!done) {
        ++i;
        continue;
      }
      tell(index, LayerPhase::kExtracting);
      unpacked_.insert_or_assign(index, slot.download->unpacked());
      under_way_.erase(under_way_.begin() + static_cast<ptrdiff_t>(i));
    }
    return ok();
  }

  // What needs the layers below: bottom to top, as far as they are there.
  Result<void> finish_in_order() {
    for (; finished_ < layers_.size(); ++finished_) {
      Slot& slot = layers_[finished_];
      if (!slot.present) {
        const auto unpacked = unpacked_.find(finished_);
        if (unpacked == unpacked_.end()) return ok();
        TRY(finish_layer(fs_directory(slot), lower_, unpacked->second.answer));
        slot.publish.size_bytes = unpacked->second.answer.size_bytes;
        slot.publish.entries = unpacked->second.answer.entries;
        slot.publish.blob_file = slot.download->blob_file();
        tell(finished_, LayerPhase::kComplete);
      }
      lower_.push_back(fs_directory(slot));
    }
    return ok();
  }

  const Store& store_;
  const Staging& staging_;
  Remote& remote_;
  PullObserver& observer_;
  std::string repository_;  // that has the blobs
  std::vector<Slot> layers_;
  std::vector<size_t> under_way_;
  std::map<size_t, UnpackedLayer> unpacked_;
  std::vector<std::string> lower_;  // fs directories, bottom to top
  size_t finished_ = 0;
};

Result<PulledImage> pull_one(const Store& store, Remote& remote, const PullRequest& request,
                             const Reference& reference, PullObserver& observer) {
  const Platform platform = request.platform.value_or(host_platform());
  const RemoteImage image = TRY(fetch_image(remote, reference, platform));
  observer.on_image(reference.digest() ? reference.text() : reference.tag(), reference);
  const auto before = store.find(reference.familiar());
  const Staging staging = TRY(store.stage());
  TRY(make_directories(staging.path() + "/empty", 0755));
  LayerSet layers(store, staging, remote, observer, reference.repository());
  NewImage publish{image.manifest.manifest->config.digest, image.config_json, {}, {}};
  publish.manifest_json = image.manifest.bytes;
  publish.manifest = image.manifest.digest;
  publish.layers = TRY(layers.provide(reference, image, request.limits));
  if (!reference.tag().empty() && !reference.digest()) publish.tags.push_back(reference);
  publish.tags.push_back(reference.with_digest(image.top.digest));
  TRY(store.publish(staging, publish));
  observer.on_end();
  const bool is_new = !before || before->id != publish.id;
  return PulledImage{reference, publish.id, image.top.digest, is_new};
}

// The registry's hosts in the order in which they are asked.
std::vector<std::string> hosts_of(const Settings& settings, const Reference& reference) {
  std::vector<std::string> hosts;
  const auto mirrors = settings.mirrors.find(reference.domain());
  if (mirrors != settings.mirrors.end()) hosts = mirrors->second;
  hosts.push_back(api_host(reference.domain()));
  return hosts;
}

Result<std::vector<PulledImage>> pull_from(const Store& store, Remote& remote, const PullRequest& request,
                                           PullObserver& observer) {
  std::vector<Reference> wanted = {request.reference};
  if (request.all_tags) {
    wanted.clear();
    const auto tags = TRY(fetch_tags(remote, request.reference));
    for (const auto& tag : tags)
      wanted.push_back(request.reference.with_tag(tag));
  }
  std::vector<PulledImage> pulled;
  for (const auto& reference : wanted)
    pulled.push_back(TRY(pull_one(store, remote, request, reference, observer)));
  return pulled;
}

}  // namespace

Result<std::optional<Credentials>> find_credentials(const Reference& reference) {
  const CredentialFile file = TRY(CredentialFile::open());
  return file.find(reference.domain(), reference.path());
}

Result<std::vector<PulledImage>> pull(const Store& store, const PullRequest& request,
                                      const Settings& settings, PullObserver& observer) {
  constexpr int64_t kKept = int64_t{7} * 86400 * kSecondNs;  // a pull that nobody took up for a week
  sweep_ingest(store.root(), kKept);
  HttpClient client = TRY(HttpClient::start(settings));
  const auto hosts = hosts_of(settings, request.reference);
  for (size_t i = 0;; ++i) {
    const bool is_mirror = i + 1 < hosts.size();
    std::optional<Credentials> credentials;
    // The upstream's are not for mirrors.
    if (!is_mirror) credentials = TRY(find_credentials(request.reference));
    Remote remote = TRY(Remote::make(client, settings, hosts[i], std::move(credentials)));
    auto pulled = pull_from(store, remote, request, observer);
    if (pulled || !is_mirror) return pulled;
  }
}

}  // namespace image::registry
