#include "image/registry/push.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/hash.h"
#include "image/outgoing.h"
#include "image/registry/blob_upload.h"
#include "image/registry/fetch.h"
#include "image/registry/http_status.h"
#include "image/registry/manifest_fetch.h"
#include "image/registry/pull.h"

namespace image::registry {

namespace {

// "host/path" -> "path" of the other repositories of this registry.
std::vector<std::string> paths_on(const Reference& target, const std::vector<std::string>& repositories) {
  std::vector<std::string> paths;
  const std::string prefix = target.domain() + "/";
  for (const auto& repository : repositories) {
    if (repository.starts_with(prefix) && repository != target.repository())
      paths.push_back(repository.substr(prefix.size()));
  }
  return paths;
}

// The layers of one image on their way, several at a time, the topmost first.
class LayerPushes {
 public:
  LayerPushes(Remote& remote, PushObserver& observer, const Reference& name, const Image& image)
      : remote_(remote), observer_(observer), name_(name), image_(image) {}

  // `pushed`: blobs that the repository has for sure, completed.
  Result<void> push(const Store& store, const std::vector<LayerBlob>& blobs, std::set<Digest>& pushed) {
    const size_t at_a_time = remote_.settings().uploads;
    size_t left = blobs.size();
    for (size_t i = blobs.size(); i > 0; --i)
      tell(i - 1, PushPhase::kPreparing, "");
    for (size_t i = blobs.size(); i > at_a_time; --i)
      tell(i - 1 - at_a_time, PushPhase::kWaiting, "");
    while (left > 0 || !under_way_.empty()) {
      for (; under_way_.size() < at_a_time && left > 0; --left)
        TRY(begin(store, left - 1, blobs[left - 1], pushed));
      TRY(remote_.client().receive());
      TRY(advance_all(store, pushed));
      if (!under_way_.empty() && (left == 0 || under_way_.size() == at_a_time)) TRY(wait());
    }
    return ok();
  }

 private:
  struct Slot {
    std::vector<size_t> layers;  // all that travel as this blob
    LayerBlob blob;
    Fd file;
    std::unique_ptr<BlobUpload> upload;
    bool said_pushing = false;
  };

  // The topmost layer comes first.
  void tell(size_t layer, PushPhase phase, const std::string& from) {
    observer_.on_layer(row(layer), image_.layers[layer].diff_id.short_hex(), phase, from);
  }
  size_t row(size_t layer) const { return image_.layers.size() - 1 - layer; }

  Result<void> begin(const Store& store, size_t layer, const LayerBlob& blob,
                     const std::set<Digest>& pushed) {
    if (pushed.contains(blob.digest)) {
      tell(layer, PushPhase::kExists, "");
      return ok();
    }
    for (auto& slot : under_way_) {
      if (slot.blob.digest != blob.digest) continue;
      slot.layers.push_back(layer);
      return ok();
    }
    Slot slot{{layer}, blob, {}, {}};
    slot.file = TRY(sys::open(store.blob_path(blob.digest).c_str(), O_RDONLY | O_NOFOLLOW));
    BlobToPush to_push{blob.digest, blob.size, slot.file.get(), paths_on(name_, blob.repositories)};
    slot.upload = std::make_unique<BlobUpload>(remote_, name_.path(), std::move(to_push));
    under_way_.push_back(std::move(slot));
    return ok();
  }

  Result<void> advance_all(const Store& store, std::set<Digest>& pushed) {
    for (auto slot = under_way_.begin(); slot != under_way_.end();) {
      const size_t layer = slot->layers.front();
      const bool done = TRY_IN(image_.layers[layer].diff_id.short_hex(), slot->upload->advance());
      if (!done) {
        if (slot->upload->is_sending() && !slot->said_pushing) tell(layer, PushPhase::kPushing, "");
        slot->said_pushing = slot->said_pushing || slot->upload->is_sending();
        if (slot->said_pushing) observer_.on_bytes(row(layer), slot->upload->sent_bytes(), slot->blob.size);
        ++slot;
        continue;
      }
      TRY(finish(store, *slot));
      pushed.insert(slot->blob.digest);
      slot = under_way_.erase(slot);
    }
    return ok();
  }

  Result<void> finish(const Store& store, Slot& slot) {
    const PushedBlob& result = slot.upload->result();
    using How = PushedBlob::How;
    PushPhase phase = result.how == How::kExisted   ? PushPhase::kExists
                      : result.how == How::kMounted ? PushPhase::kMounted
                                                    : PushPhase::kPushed;
    slot.blob.repositories = {name_.repository()};
    for (const size_t layer : slot.layers) {
      tell(layer, phase, result.mounted_from);
      TRY(store.note_layer_blob(image_.layers[layer].diff_id, slot.blob));
      phase = PushPhase::kExists;
    }
    return ok();
  }

  Result<void> wait() const {
    std::vector<Waiting> what;
    what.reserve(under_way_.size());
    for (const auto& slot : under_way_)
      what.push_back(slot.upload->waiting());
    return wait_for_all(remote_.client(), what, kProgressNs);
  }

  Remote& remote_;
  PushObserver& observer_;
  const Reference& name_;
  const Image& image_;
  std::vector<Slot> under_way_;
};

class Pusher {
 public:
  Pusher(const Store& store, Remote& remote, PushObserver& observer, const std::string& platform)
      : store_(store), remote_(remote), observer_(observer), platform_(platform) {}

  Result<void> push_tag(const Reference& name) {
    const auto found = store_.inspect(name.familiar());
    if (!found && found.error().kind() == ErrorKind::kNotFound)
      return not_found("An image does not exist locally with the tag: " + name.familiar_repository());
    if (!found) return found.error();
    TRY(expect_platform(*found, name.familiar(), platform_));
    const Outgoing outgoing = TRY(make_outgoing(store_, *found));
    TRY(LayerPushes(remote_, observer_, name, *found).push(store_, outgoing.layers, pushed_));
    const Fd config = TRY(memory_file(outgoing.config_json));
    const BlobToPush blob{found->id, outgoing.config_json.size(), config.get(), {}};
    TRY_IN("configuration", push_blob(remote_, name.path(), blob));
    const Digest digest = TRY(push_manifest(name, outgoing));
    TRY(remember(name, *found, outgoing, digest));
    observer_.on_tag(name.tag(), digest, outgoing.manifest_json.size());
    return ok();
  }

 private:
  Result<Digest> push_manifest(const Reference& name, const Outgoing& outgoing) {
    Digest digest = TRY(digest_of(outgoing.manifest_json));
    const Fd body = TRY(memory_file(outgoing.manifest_json));
    FetchRequest request;
    request.method = "PUT";
    request.path = name.path() + "/manifests/" + name.tag();
    request.scope = repository_scope(name.path(), "pull,push");
    request.headers.push_back({"Content-Type", outgoing.media_type});
    request.body = RequestBody{body.get(), 0, outgoing.manifest_json.size()};
    const Answer answer = TRY(fetch(remote_, request));
    if (answer.head.status != http::kCreated)
      return status_error(answer.url, answer.head.status, answer.body).in("manifest");
    const std::string said = answer.head.header("docker-content-digest");
    if (!said.empty() && said != digest.text())
      return corrupt("manifest: the registry says that it got " + printable(said) + ", it was " +
                     digest.text());
    return digest;
  }

  // The name by digest, and the manifest: the next push sends the same one.
  Result<void> remember(const Reference& name, const Image& image, const Outgoing& outgoing,
                        const Digest& digest) {
    const Staging staging = TRY(store_.stage());
    NewImage known{image.id, outgoing.config_json, {}, {name.with_digest(digest)}, outgoing.manifest_json,
                   digest};
    for (const auto& layer : image.layers) {
      const Layer pinned = TRY(store_.pin_layer(staging, layer.chain_id));
      known.layers.push_back(NewLayer{layer.chain_id, layer.diff_id, pinned.size_bytes, "", pinned.entries});
    }
    TRY(store_.publish(staging, known));
    return ok();
  }

  const Store& store_;
  Remote& remote_;
  PushObserver& observer_;
  const std::string& platform_;
  std::set<Digest> pushed_;  // to this repository, by this push
};

Result<std::vector<Reference>> names_to_push(const Store& store, const PushRequest& request) {
  std::vector<Reference> names = {request.reference};
  if (!request.all_tags) return names;
  names.clear();
  const auto images = TRY(store.list());
  for (const auto& image : images) {
    for (const auto& tag : image.repo_tags) {
      Reference name = TRY(Reference::parse(tag));
      if (name.repository() == request.reference.repository()) names.push_back(std::move(name));
    }
  }
  if (names.empty()) {
    return not_found("An image does not exist locally with the tag: " +
                     request.reference.familiar_repository());
  }
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.tag() < b.tag(); });
  return names;
}

}  // namespace

Result<void> push(const Store& store, const PushRequest& request, const Settings& settings,
                  PushObserver& observer) {
  const auto names = TRY(names_to_push(store, request));
  HttpClient client = TRY(HttpClient::start(settings));
  auto credentials = TRY(find_credentials(request.reference));
  Remote remote =
      TRY(Remote::make(client, settings, api_host(request.reference.domain()), std::move(credentials)));
  Pusher pusher(store, remote, observer, request.platform);
  for (const auto& name : names)
    TRY(pusher.push_tag(name));
  return ok();
}

}  // namespace image::registry
