#include "image/outgoing.h"

#include <algorithm>

#include "base/json.h"
#include "image/descriptor.h"

namespace image {

namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

std::string oci_layer_type(const std::string& media_type) {
  std::string base = "application/vnd.oci.image.layer.v1.tar";
  if (media_type.ends_with("gzip")) return base + "+gzip";
  if (media_type.ends_with("zstd")) return base + "+zstd";
  return base;
}

// True if the manifest that the image came with can go out as it is.
Result<bool> use_own_manifest(const Store& store, const Image& image, Outgoing& result) {
  auto bytes = store.manifest_json(image);
  if (!bytes) return false;
  const auto manifest = parse_manifest(*bytes);
  if (!manifest || manifest->layers.size() != image.layers.size()) return false;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    const auto blobs = TRY(store.layer_blobs(image.layers[i].diff_id));
    const auto found = std::find_if(blobs.begin(), blobs.end(), [&](const LayerBlob& blob) {
      return blob.digest == manifest->layers[i].digest && store.has_blob(blob.digest);
    });
    if (found == blobs.end()) return false;
    result.layers.push_back(*found);
  }
  result.manifest_json = std::move(*bytes);
  result.media_type = manifest->media_type.empty() ? kManifestType : manifest->media_type;
  return true;
}

}  // namespace

std::string make_manifest_json(const Digest& config, size_t config_bytes,
                               const std::vector<LayerBlob>& layers) {
  Json list = Json::array();
  for (const auto& layer : layers) {
    list.push_back({{"mediaType", oci_layer_type(layer.media_type)},
                    {"digest", layer.digest.text()},
                    {"size", layer.size}});
  }
  const Json manifest = {
      {"schemaVersion", 2},
      {"mediaType", kManifestType},
      {"config", {{"mediaType", kConfigType}, {"digest", config.text()}, {"size", config_bytes}}},
      {"layers", std::move(list)}};
  return dump_json(manifest);
}

Result<Outgoing> make_outgoing(const Store& store, const Image& image) {
  Outgoing result;
  result.config_json = TRY(store.config_json(image.id));
  const bool own = TRY(use_own_manifest(store, image, result));
  if (own) return result;
  result.layers.clear();
  for (const auto& layer : image.layers) {
    const auto blobs = TRY(store.layer_blobs(layer.diff_id));
    if (blobs.empty() || !store.has_blob(blobs.front().digest)) {
      return not_found("the packed form of layer " + layer.diff_id.short_hex() +
                       " is not in the store; load or pull the image again");
    }
    result.layers.push_back(blobs.front());
  }
  result.manifest_json = make_manifest_json(image.id, result.config_json.size(), result.layers);
  result.media_type = kManifestType;
  return result;
}

}  // namespace image
