// The store's blobs: which there are, how layers travel, and removing those that nothing needs.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "image/distribution.h"
#include "image/store.h"
#include "image/store_files.h"

namespace image {

namespace {

// A blob whose layer is here in any form stays: also that of a layer which only a container or a load uses.
Result<void> keep_blobs_of_layers(const std::string& root, std::set<Digest>& diff_ids,
                                  std::set<Digest>& blobs) {
  const auto directories = list_directory(root + "/layers");
  if (!directories) return ok();
  for (const auto& directory : *directories) {
    const auto layer = read_layer(root, directory);
    if (!layer) continue;
    diff_ids.insert(layer->diff_id);
    const auto known = TRY(read_layer_blobs(root, layer->diff_id));
    for (const auto& blob : known)
      blobs.insert(blob.digest);
  }
  return ok();
}

Result<void> keep_blobs_of_images(const std::string& root, std::set<Digest>& blobs) {
  const auto ids = TRY(list_records(root));
  for (const auto& id : ids) {
    // A record that can't be read might need any blob: nothing may be dropped then.
    const Image image = TRY(read_record(root, id));
    blobs.insert(id);
    if (image.manifest) blobs.insert(*image.manifest);
  }
  return ok();
}

void drop_other_blobs(const std::string& root, const char* algorithm, const std::set<Digest>& kept) {
  const std::string directory = root + "/blobs/" + algorithm;
  const auto names = list_directory(directory);
  if (!names) return;
  for (const auto& name : *names) {
    const auto digest = Digest::parse(std::string(algorithm) + ":" + name);
    if (digest && !kept.contains(*digest))
      static_cast<void>(sys::unlinkat(AT_FDCWD, (directory + "/" + name).c_str(), 0));
  }
}

}  // namespace

Result<void> drop_unreferenced_blobs(const std::string& root) {
  std::set<Digest> diff_ids;
  std::set<Digest> blobs;
  TRY(keep_blobs_of_images(root, blobs));
  TRY(keep_blobs_of_layers(root, diff_ids, blobs));
  drop_other_blobs(root, "sha256", blobs);
  drop_other_blobs(root, "sha512", blobs);
  const auto distributions = TRY(list_distributions(root));
  for (const auto& diff_id : distributions) {
    if (diff_ids.contains(diff_id)) continue;
    static_cast<void>(sys::unlinkat(AT_FDCWD, distribution_path(root, diff_id).c_str(), 0));
  }
  return ok();
}

std::string Store::blob_path(const Digest& digest) const {
  return image::blob_path(root_, digest);
}

bool Store::has_blob(const Digest& digest) const {
  return path_exists(blob_path(digest));
}

Result<std::string> Store::manifest_json(const Image& image) const {
  if (!image.manifest) return not_found("image " + image.id.short_hex() + " came without a manifest");
  auto bytes = read_file(blob_path(*image.manifest));
  if (!bytes && bytes.error().error_number() == ENOENT)
    return not_found("the manifest of image " + image.id.short_hex() + " is missing");
  return bytes;
}

Result<std::vector<LayerBlob>> Store::layer_blobs(const Digest& diff_id) const {
  auto blobs = read_layer_blobs(root_, diff_id);
  if (!blobs) return blobs;
  std::stable_partition(blobs->begin(), blobs->end(),
                        [this](const LayerBlob& blob) { return has_blob(blob.digest); });
  return blobs;
}

Result<void> Store::note_layer_blob(const Digest& diff_id, const LayerBlob& blob) const {
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  return add_layer_blob(root_, diff_id, blob);
}

}  // namespace image
