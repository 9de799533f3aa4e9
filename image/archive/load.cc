#include "image/archive/load.h"

#include <sys/stat.h>

#include <cerrno>
#include <map>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/hash.h"
#include "image/archive/layer_finish.h"
#include "image/archive/layout.h"
#include "image/archive/source.h"
#include "image/archive/unpack_layer.h"

namespace image {

namespace {

constexpr mode_t kRootMode = 0755;  // of a layer whose archive does not say

// One load: layers by chain id, so that images of one archive share them.
class Loader {
 public:
  Loader(const Store& store, const Staging& staging, const LoadRequest& request, Source& source)
      : store_(store), staging_(staging), request_(request), source_(source) {}

  Result<NewImage> prepare(const ArchivedImage& image) {
    NewImage result{image.id, image.config_json, {}, image.tags};
    std::optional<Digest> parent;
    std::vector<std::string> lower;  // fs directories below the layer, bottom to top
    for (size_t i = 0; i < image.layers.size(); ++i) {
      const Digest& diff_id = image.config.diff_ids[i];
      Digest chain = TRY(chain_id(parent, diff_id));
      if (request_.on_layer) request_.on_layer(i + 1, image.layers.size());
      NewLayer layer = TRY_IN("layer " + std::to_string(i + 1) + " of " + std::to_string(image.layers.size()),
                              provide(image.layers[i], chain, diff_id, lower));
      lower.push_back(fs_directory(layer));
      result.layers.push_back(std::move(layer));
      parent = std::move(chain);
    }
    return result;
  }

 private:
  std::string fs_directory(const NewLayer& layer) const {
    if (!layer.staged.empty()) return staging_.path() + "/" + layer.staged + "/fs";
    return store_.layer_path(layer_directory_name(layer.chain_id)) + "/fs";
  }

  // The layer from the store, from an image before this one, or from the archive.
  Result<NewLayer> provide(const ArchivedLayer& from, const Digest& chain, const Digest& diff_id,
                           const std::vector<std::string>& lower) {
    const auto known = layers_.find(chain);
    if (known != layers_.end()) return known->second;
    auto present = store_.pin_layer(staging_, chain);
    if (!present && present.error().kind() != ErrorKind::kNotFound) return std::move(present).error();
    NewLayer layer{chain, diff_id, 0, {}};
    if (present) {
      layer.size_bytes = present->size_bytes;
    } else {
      TRY(unpack(from, layer, lower));
    }
    layers_.emplace(chain, layer);
    return layer;
  }

  Result<void> unpack(const ArchivedLayer& from, NewLayer& layer, const std::vector<std::string>& lower) {
    layer.staged = "layer-" + std::to_string(layers_.size());
    LayerRequest request;
    request.input = TRY(source_.find(from.name));
    request.directory = fs_directory(layer);
    request.empty_directory = staging_.path() + "/empty";
    request.blob_digest = from.digest;
    request.blob_bytes = from.size;
    request.diff_id = layer.diff_id;
    request.limits = request_.limits;
    TRY(make_directories(staging_.path() + "/" + layer.staged));
    TRY(sys::mkdir(request.directory.c_str(), kRootMode));
    if (::chmod(request.directory.c_str(), kRootMode) < 0)  // whatever our umask is
      return Error::from_errno("chmod " + request.directory, errno);
    const UnpackedLayer unpacked = TRY(unpack_layer(request));
    layer.size_bytes = unpacked.answer.size_bytes;
    return finish_layer(request.directory, lower, unpacked.answer);
  }

  const Store& store_;
  const Staging& staging_;
  const LoadRequest& request_;
  Source& source_;
  std::map<Digest, NewLayer> layers_;
};

}  // namespace

Result<std::vector<LoadedImage>> load(const Store& store, const LoadRequest& request) {
  const Staging staging = TRY(store.stage());
  Source source = TRY(Source::open(request.input, staging.path(), request.limits));
  const auto images = TRY(read_layout(source, request.platform));
  Loader loader(store, staging, request, source);
  std::vector<NewImage> prepared;
  for (const auto& image : images)
    prepared.push_back(TRY(loader.prepare(image)));
  std::vector<LoadedImage> loaded;
  for (const auto& image : prepared) {
    TRY(store.publish(staging, image));
    loaded.push_back({image.id, image.tags});
  }
  return loaded;
}

}  // namespace image
