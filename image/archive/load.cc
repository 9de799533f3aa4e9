#include "image/archive/load.h"

#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/hash.h"
#include "image/archive/layer_finish.h"
#include "image/archive/layer_jobs.h"
#include "image/archive/layout.h"
#include "image/archive/source.h"

namespace image {

namespace {

// A layer of one of the images: in the store, or to be unpacked.
struct PlannedLayer {
  NewLayer layer;
  std::vector<Digest> lower;  // chain ids, bottom to top
  std::optional<size_t> job;
};

// One load: layers by chain id, so that images of one archive share them.
class Loader {
 public:
  Loader(const Store& store, const Staging& staging, const LoadRequest& request, Source& source)
      : store_(store), staging_(staging), request_(request), source_(source) {}

  // Finds out what there is to do for the image.
  Result<void> plan(const ArchivedImage& image) {
    std::vector<Digest> chains;
    for (size_t i = 0; i < image.layers.size(); ++i) {
      const Digest& diff_id = image.config.diff_ids[i];
      std::optional<Digest> parent;
      if (i > 0) parent = chains.back();
      Digest chain = TRY(chain_id(parent, diff_id));
      const std::string what =
          "layer " + std::to_string(i + 1) + " of " + std::to_string(image.layers.size());
      if (!planned_.contains(chain)) TRY_IN(what, plan_layer(image.layers[i], chain, diff_id, chains, what));
      chains.push_back(std::move(chain));
    }
    return ok();
  }

  // Unpacks what was planned. A directory's metadata may come from the layers below, so that comes when all
  // are there.
  Result<void> unpack() {
    const auto on_start = [this](size_t index) {
      if (request_.on_layer) request_.on_layer(index + 1, order_.size());
    };
    auto unpacked = TRY(unpack_layers(std::move(jobs_), on_start));
    for (const Digest& chain : order_) {
      PlannedLayer& planned = planned_.at(chain);
      UnpackedLayer& result = unpacked[*planned.job];
      planned.layer.size_bytes = result.answer.size_bytes;
      planned.layer.entries = result.countable_entries();
      planned.layer.blob = std::move(result.kept);
      std::vector<std::string> lower;
      for (const Digest& below : planned.lower)
        lower.push_back(fs_directory(planned_.at(below).layer));
      TRY(finish_layer(fs_directory(planned.layer), lower, result.answer));
    }
    return ok();
  }

  // After unpack().
  Result<NewImage> assemble(const ArchivedImage& image) {
    NewImage result{image.id, image.config_json, {}, image.tags, image.manifest_json, image.manifest};
    std::optional<Digest> parent;
    for (const Digest& diff_id : image.config.diff_ids) {
      parent = TRY(chain_id(parent, diff_id));
      result.layers.push_back(planned_.at(*parent).layer);
    }
    return result;
  }

 private:
  std::string fs_directory(const NewLayer& layer) const {
    if (!layer.staged.empty()) return staging_.path() + "/" + layer.staged + "/fs";
    return store_.layer_path(layer_directory_name(layer.chain_id)) + "/fs";
  }

  Result<void> plan_layer(const ArchivedLayer& from, const Digest& chain, const Digest& diff_id,
                          const std::vector<Digest>& lower, const std::string& what) {
    PlannedLayer planned{NewLayer{chain, diff_id, 0, {}}, lower, {}};
    auto present = store_.pin_layer(staging_, chain);
    if (!present && present.error().kind() != ErrorKind::kNotFound) return std::move(present).error();
    if (present) {
      planned.layer.size_bytes = present->size_bytes;
      planned.layer.entries = present->entries;
    } else {
      planned.job = jobs_.size();
      TRY(add_job(from, planned.layer, what));
      order_.push_back(chain);
    }
    planned_.emplace(chain, std::move(planned));
    return ok();
  }

  Result<void> add_job(const ArchivedLayer& from, NewLayer& layer, const std::string& what) {
    const std::string number = std::to_string(jobs_.size());
    layer.staged = "layer-" + number;
    layer.blob_file = staging_.path() + "/blob-" + number;
    LayerRequest request;
    request.input = TRY(source_.find(from.name));
    request.directory = fs_directory(layer);
    request.empty_directory = staging_.path() + "/empty";
    request.blob_digest = from.digest;
    request.blob_bytes = from.size;
    request.diff_id = layer.diff_id;
    request.media_type = from.media_type;
    request.keep_as = layer.blob_file;
    request.limits = request_.limits;
    TRY(make_directories(staging_.path() + "/" + layer.staged));
    TRY(sys::mkdir(request.directory.c_str(), kRootMode));
    if (::chmod(request.directory.c_str(), kRootMode) < 0)  // whatever our umask is
      return Error::from_errno("chmod " + request.directory, errno);
    jobs_.push_back({std::move(request), what});
    return ok();
  }

  const Store& store_;
  const Staging& staging_;
  const LoadRequest& request_;
  Source& source_;
  std::map<Digest, PlannedLayer> planned_;
  std::vector<Digest> order_;  // of the layers to unpack, each after those below it
  std::vector<LayerJob> jobs_;
};

}  // namespace

Result<std::vector<LoadedImage>> load(const Store& store, const LoadRequest& request) {
  const Staging staging = TRY(store.stage());
  Source source = TRY(Source::open(request.input, staging.path(), request.limits));
  const auto images = TRY(read_layout(source, request.platform));
  Loader loader(store, staging, request, source);
  for (const auto& image : images)
    TRY(loader.plan(image));
  TRY(loader.unpack());
  std::vector<NewImage> prepared;
  for (const auto& image : images)
    prepared.push_back(TRY(loader.assemble(image)));
  std::vector<LoadedImage> loaded;
  for (const auto& image : prepared) {
    TRY(store.publish(staging, image));
    loaded.push_back({image.id, image.tags});
  }
  return loaded;
}

}  // namespace image
