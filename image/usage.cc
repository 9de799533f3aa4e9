#include "image/usage.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "image/store_files.h"

namespace image {

namespace {

constexpr uint64_t kBlock = 512;  // the unit of st_blocks, stat(2)

uint64_t file_bytes(const std::string& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * kBlock : 0;
}

// Who needs what, by the names of the parts.
struct Needs {
  std::map<std::string, std::set<Digest>> layers;  // by directory
  std::map<Digest, std::set<Digest>> blobs;
};

Result<void> add_blobs(const Store& store, const Layer& layer, const std::set<Digest>& images, Needs& needs) {
  const auto blobs = TRY(store.layer_blobs(layer.diff_id));
  for (const auto& blob : blobs)
    needs.blobs[blob.digest].insert(images.begin(), images.end());
  return ok();
}

Result<Needs> collect_needs(const Store& store) {
  Needs needs;
  const auto images = TRY(store.list());
  for (const auto& image : images) {
    needs.blobs[image.id].insert(image.id);
    if (image.manifest) needs.blobs[*image.manifest].insert(image.id);
    for (const auto& layer : image.layers) {
      needs.layers[layer.directory].insert(image.id);
      static_cast<void>(add_blobs(store, layer, {image.id}, needs));  // damaged: `system check` tells
    }
  }
  return needs;
}

}  // namespace

Result<std::vector<StoredPart>> measure(const Store& store) {
  Needs needs = TRY(collect_needs(store));
  std::vector<StoredPart> parts;
  const auto layers = TRY(names_in(store.root() + "/layers"));
  for (const auto& layer : layers) {
    const uint64_t bytes = TRY(tree_size(store.layer_path(layer)));
    parts.push_back({bytes, needs.layers[layer]});
  }
  for (const char* algorithm : {"sha256", "sha512"}) {
    const auto names = TRY(names_in(store.root() + "/blobs/" + algorithm));
    for (const auto& name : names) {
      const auto digest = Digest::parse(std::string(algorithm) + ":" + name);
      if (digest) parts.push_back({file_bytes(store.blob_path(*digest)), needs.blobs[*digest]});
    }
  }
  const auto ids = TRY(list_records(store.root()));
  for (const auto& id : ids)
    parts.push_back({file_bytes(record_path(store.root(), id)), {id}});
  return parts;
}

uint64_t total_bytes(const std::vector<StoredPart>& parts) {
  uint64_t sum = 0;
  for (const auto& part : parts)
    sum += part.bytes;
  return sum;
}

uint64_t reclaimable_bytes(const std::vector<StoredPart>& parts, const std::set<Digest>& kept) {
  uint64_t sum = 0;
  for (const auto& part : parts) {
    const bool needed = std::any_of(part.images.begin(), part.images.end(),
                                    [&](const Digest& image) { return kept.contains(image); });
    if (!needed) sum += part.bytes;
  }
  return sum;
}

ImageBytes bytes_of(const std::vector<StoredPart>& parts, const Digest& image) {
  ImageBytes result;
  for (const auto& part : parts) {
    if (part.images.contains(image)) (part.images.size() == 1 ? result.unique : result.shared) += part.bytes;
  }
  return result;
}

}  // namespace image
