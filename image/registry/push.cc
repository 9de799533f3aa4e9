#include "image/registry/push.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/hash.h"
#include "image/registry/blob_upload.h"
#include "image/registry/fetch.h"
#include "image/registry/manifest_fetch.h"
#include "image/registry/pull.h"

namespace image::registry {

namespace {

constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr uint32_t kCreated = 201;

// What is sent of one image.
struct Parcel {
  std::vector<LayerBlob> layers;
  std::string manifest;
  std::string media_type;
};

std::string oci_layer_type(const std::string& media_type) {
  const std::string base = "application/vnd.oci.image.layer.v1.tar";
  if (media_type.ends_with("gzip")) return base + "+gzip";
  if (media_type.ends_with("zstd")) return base + "+zstd";
  return base;
}

// The manifest that the image came with, if each of its layers is known in that form.
Result<bool> use_own_manifest(const Store& store, const Image& image, Parcel& parcel) {
  const auto bytes = store.manifest_json(image);
  if (!bytes) return false;
  const Manifest manifest = TRY_IN("manifest of " + image.id.short_hex(), parse_manifest(*bytes));
  if (manifest.layers.size() != image.layers.size()) return false;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    const auto blobs = TRY(store.layer_blobs(image.layers[i].diff_id));
    const auto found = std::find_if(blobs.begin(), blobs.end(), [&](const auto& blob) {
      return blob.digest == manifest.layers[i].digest;
    });
    if (found == blobs.end()) return false;
    parcel.layers.push_back(*found);
  }
  parcel.manifest = *bytes;
  parcel.media_type = manifest.media_type.empty() ? kOciManifest : manifest.media_type;
  return true;
}

Result<Parcel> make_parcel(const Store& store, const Image& image, const std::string& config_json) {
  Parcel parcel;
  const bool own = TRY(use_own_manifest(store, image, parcel));
  if (own) return parcel;
  parcel.layers.clear();
  for (const auto& layer : image.layers) {
    const auto blobs = TRY(store.layer_blobs(layer.diff_id));
    if (blobs.empty()) {
      return not_found("layer " + layer.diff_id.short_hex() +
                       " is not in the store as it is sent; load or pull the image again");
    }
    parcel.layers.push_back(blobs.front());
  }
  parcel.manifest = make_manifest(image.id, config_json.size(), parcel.layers);
  parcel.media_type = kOciManifest;
  return parcel;
}

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

class Pusher {
 public:
  Pusher(const Store& store, Remote& remote, PushObserver& observer)
      : store_(store), remote_(remote), observer_(observer) {}

  Result<void> push_tag(const Reference& name) {
    const auto found = store_.inspect(name.familiar());
    if (!found && found.error().kind() == ErrorKind::kNotFound)
      return not_found("An image does not exist locally with the tag: " + name.familiar_repository());
    if (!found) return found.error();
    const std::string config_json = TRY(store_.config_json(found->id));
    Parcel parcel = TRY(make_parcel(store_, *found, config_json));
    for (size_t i = found->layers.size(); i > 0; --i)
      tell(i - 1, *found, PushPhase::kPreparing, "");
    for (size_t i = found->layers.size(); i > 0; --i)
      TRY(push_layer(name, *found, i - 1, parcel.layers[i - 1]));
    const Fd config = TRY(memory_file(config_json));
    const BlobToPush blob{found->id, config_json.size(), config.get(), {}};
    TRY_IN("configuration", push_blob(remote_, name.path(), blob));
    const Digest digest = TRY(push_manifest(name, parcel));
    TRY(remember(name, *found, config_json, parcel, digest));
    observer_.on_tag(name.tag(), digest, parcel.manifest.size());
    return ok();
  }

 private:
  // The topmost layer comes first.
  void tell(size_t layer, const Image& image, PushPhase phase, const std::string& from) {
    const size_t row = image.layers.size() - 1 - layer;
    observer_.on_layer(row, image.layers[layer].diff_id.short_hex(), phase, from);
  }

  Result<void> push_layer(const Reference& name, const Image& image, size_t index, LayerBlob& blob) {
    const std::string short_id = image.layers[index].diff_id.short_hex();
    Fd file;
    if (store_.has_blob(blob.digest))
      file = TRY(sys::open(store_.blob_path(blob.digest).c_str(), O_RDONLY | O_NOFOLLOW));
    tell(index, image, PushPhase::kPushing, "");
    const BlobToPush to_push{blob.digest, blob.size, file.get(), paths_on(name, blob.repositories)};
    PushedBlob pushed;
    if (!pushed_.contains(blob.digest)) pushed = TRY_IN(short_id, push_blob(remote_, name.path(), to_push));
    pushed_.insert(blob.digest);
    using How = PushedBlob::How;
    const PushPhase phase = pushed.how == How::kExisted   ? PushPhase::kExists
                            : pushed.how == How::kMounted ? PushPhase::kMounted
                                                          : PushPhase::kPushed;
    tell(index, image, phase, pushed.mounted_from);
    blob.repositories = {name.repository()};
    return store_.note_layer_blob(image.layers[index].diff_id, blob);
  }

  Result<Digest> push_manifest(const Reference& name, const Parcel& parcel) {
    Digest digest = TRY(digest_of(parcel.manifest));
    const Fd body = TRY(memory_file(parcel.manifest));
    FetchRequest request;
    request.method = "PUT";
    request.path = name.path() + "/manifests/" + name.tag();
    request.scope = repository_scope(name.path(), "pull,push");
    request.headers.push_back({"Content-Type", parcel.media_type});
    request.body = RequestBody{body.get(), 0, parcel.manifest.size()};
    const Answer answer = TRY(fetch(remote_, request));
    if (answer.head.status != kCreated)
      return status_error(answer.url, answer.head.status, answer.body).in("manifest");
    const std::string said = answer.head.header("docker-content-digest");
    if (!said.empty() && said != digest.text())
      return corrupt("manifest: the registry says that it got " + printable(said) + ", it was " +
                     digest.text());
    return digest;
  }

  // The name by digest, and the manifest: the next push sends the same one.
  Result<void> remember(const Reference& name, const Image& image, const std::string& config_json,
                        const Parcel& parcel, const Digest& digest) {
    const Staging staging = TRY(store_.stage());
    NewImage known{image.id, config_json, {}, {name.with_digest(digest)}, parcel.manifest, digest};
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

std::string make_manifest(const Digest& config, size_t config_bytes, const std::vector<LayerBlob>& layers) {
  Json list = Json::array();
  for (const auto& layer : layers) {
    list.push_back({{"mediaType", oci_layer_type(layer.media_type)},
                    {"digest", layer.digest.text()},
                    {"size", layer.size}});
  }
  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", kOciManifest},
                         {"config",
                          {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                           {"digest", config.text()},
                           {"size", config_bytes}}},
                         {"layers", std::move(list)}};
  return dump_json(manifest);
}

Result<void> push(const Store& store, const PushRequest& request, const Settings& settings,
                  PushObserver& observer) {
  const auto names = TRY(names_to_push(store, request));
  HttpClient client = TRY(HttpClient::start(settings));
  auto credentials = TRY(find_credentials(request.reference));
  Remote remote =
      TRY(Remote::make(client, settings, api_host(request.reference.domain()), std::move(credentials)));
  Pusher pusher(store, remote, observer);
  for (const auto& name : names)
    TRY(pusher.push_tag(name));
  return ok();
}

}  // namespace image::registry
