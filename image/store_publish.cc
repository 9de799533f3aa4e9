// How images come into the store: staging, pins, publishing, and cleaning up after those that were killed.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/store.h"
#include "image/store_files.h"

namespace image {

namespace {

Image image_of(const NewImage& from, ImageConfig&& config) {
  Image image{.id = from.id,
              .architecture = std::move(config.architecture),
              .os = std::move(config.os),
              .variant = std::move(config.variant),
              .created = std::move(config.created),
              .created_ns = config.created_ns,
              .config = std::move(config.run),
              .manifest = from.manifest_json.empty() ? std::nullopt : from.manifest};
  for (const auto& layer : from.layers) {
    image.size_bytes += layer.size_bytes;
    image.layers.push_back({layer.chain_id, layer.diff_id, layer_directory_name(layer.chain_id),
                            layer.size_bytes, layer.entries});
  }
  return image;
}

Result<void> expect_layer(const std::string& root, const Digest& chain_id) {
  const std::string directory = layer_directory_name(chain_id);
  const Layer present = TRY(read_layer(root, directory));
  if (present.chain_id == chain_id) return ok();
  return conflict("layer " + chain_id.text() + " can't be stored: another layer has the directory " +
                  directory);
}

// One rename. When another load was faster its layer, the same content, is used and ours stays in staging.
Result<void> publish_layer(const std::string& root, const Staging& staging, const NewLayer& layer) {
  if (layer.staged.empty()) return expect_layer(root, layer.chain_id);
  const std::string from = staging.path() + "/" + layer.staged;
  if (!path_exists(from)) return expect_layer(root, layer.chain_id);  // another image of this load brought it
  const std::string to = root + "/layers/" + layer_directory_name(layer.chain_id);
  TRY(replace_file(from + "/layer.json", layer_json(layer)));
  auto moved = sys::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (!moved && moved.error().error_number() == EEXIST) return expect_layer(root, layer.chain_id);
  return moved;
}

// Its blob first: a layer is never here without the bytes it came as.
Result<void> publish_blob(const std::string& root, const NewLayer& layer) {
  if (!layer.blob) return ok();
  if (!layer.blob_file.empty() && path_exists(layer.blob_file)) {
    const std::string to = blob_path(root, layer.blob->digest);
    TRY(make_directories(to.substr(0, to.rfind('/'))));
    TRY(sys::renameat2(AT_FDCWD, layer.blob_file.c_str(), AT_FDCWD, to.c_str(), 0));
  }
  return add_layer_blob(root, layer.diff_id, *layer.blob);
}

Result<void> write_blob(const std::string& root, const Digest& digest, const std::string& bytes) {
  const std::string path = blob_path(root, digest);
  TRY(make_directories(path.substr(0, path.rfind('/'))));
  return replace_file(path, bytes);
}

Result<void> write_publishing(const Staging& staging, const NewImage& image) {
  std::string text = image.id.text() + "\n";
  for (const auto& layer : image.layers) {
    if (!layer.staged.empty()) text += layer_directory_name(layer.chain_id) + "\n";
  }
  return replace_file(staging.path() + "/publishing", text);
}

// What a killed load had published without reaching its record. The store is locked.
Result<void> undo_publishing(const std::string& root, const std::string& staging) {
  auto text = read_file(staging + "/publishing");
  if (!text) return ok();
  const auto lines = split(*text, '\n');
  const auto referenced = TRY(referenced_layers(root));
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty() || lines[i].find('/') != std::string::npos || referenced.contains(lines[i]))
      continue;
    TRY(move_to_trash(root, root + "/layers/" + lines[i]));
  }
  return drop_unreferenced_blobs(root);
}

// Dead: nobody holds the lock on the directory. The store is locked, so no staging is just being made.
Result<void> sweep_stagings(const std::string& root) {
  auto names = list_directory(root + "/staging");
  if (!names && names.error().kind() == ErrorKind::kNotFound) return ok();
  if (!names) return std::move(names).error();
  for (const auto& name : *names) {
    const std::string path = root + "/staging/" + name;
    auto directory = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory) continue;
    if (!sys::flock(directory->get(), LOCK_EX | LOCK_NB)) continue;
    TRY(undo_publishing(root, path));
    TRY(move_to_trash(root, path));
  }
  return ok();
}

// Files that replace_file() was killed over. All of them are written under the exclusive lock that the caller
// holds.
void remove_temporaries(const std::string& directory) {
  const auto names = list_directory(directory);
  if (!names) return;
  for (const auto& name : *names) {
    if (name.starts_with('.') && contains(name, ".tmp."))
      static_cast<void>(sys::unlinkat(AT_FDCWD, (directory + "/" + name).c_str(), 0));
  }
}

void sweep_temporaries(const std::string& root) {
  remove_temporaries(root + "/images");
  remove_temporaries(root + "/distribution");
  for (const char* parent : {"/blobs", "/tags"}) {
    const auto names = list_directory(root + parent);
    if (!names) continue;
    for (const auto& name : *names) {
      remove_temporaries(root + parent + "/" + name);
      // Goes when it is empty: a repository whose only tag was never written.
      ::rmdir((root + parent + "/" + name).c_str());
    }
  }
}

}  // namespace

Staging::~Staging() {
  // Moved from: the other object owns it. What can't be removed here is removed by the next change to the
  // store.
  if (directory_) static_cast<void>(remove_tree(path_));
}

Result<Staging> Store::stage() const {
  static_cast<void>(clean());  // garbage that can't be removed is no reason not to load
  constexpr size_t kRandomBytes = 8;
  const std::string path = root_ + "/staging/" + random_hex(kRandomBytes);
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  TRY(make_directories(path + "/pins"));
  Fd directory = TRY(sys::open(path.c_str(), O_RDONLY | O_DIRECTORY));
  TRY_IN(path, sys::flock(directory.get(), LOCK_EX | LOCK_NB));
  return Staging(path, std::move(directory));
}

Result<Layer> Store::pin_layer(const Staging& staging, const Digest& chain_id) const {
  const Fd lock = TRY(lock_store(root_, LOCK_SH));
  Layer layer = TRY(read_layer(root_, layer_directory_name(chain_id)));
  if (layer.chain_id != chain_id) return not_found("no layer " + chain_id.text());
  TRY(replace_file(staging.path() + "/pins/" + layer.directory, ""));
  return layer;
}

Result<Image> Store::publish(const Staging& staging, const NewImage& image) const {
  ImageConfig config = TRY(parse_config(image.config_json));
  Image record = image_of(image, std::move(config));
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  if (!record.manifest) {  // the same image came with one before: it stays
    const auto before = read_record(root_, image.id);
    if (before) record.manifest = before->manifest;
  }
  TRY(make_directories(root_ + "/layers"));
  TRY(write_publishing(staging, image));
  TRY(note_unsynced(root_, image));
  for (const auto& layer : image.layers) {
    TRY_IN("publish layer", publish_blob(root_, layer));
    TRY_IN("publish layer", publish_layer(root_, staging, layer));
  }
  if (!image.manifest_json.empty() && image.manifest)
    TRY_IN("publish manifest", write_blob(root_, *image.manifest, image.manifest_json));
  TRY_IN("publish configuration", write_blob(root_, image.id, image.config_json));
  TRY_IN("publish record", write_record(root_, record));
  for (const auto& tag : image.tags)
    TRY_IN("publish tag", write_tag(root_, tag, image.id, Durable::kNo));
  return record;
}

Result<void> Store::replace_layer(const Staging& staging, const NewLayer& layer) const {
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  TRY(make_directories(root_ + "/layers"));
  TRY(move_to_trash(root_, root_ + "/layers/" + layer_directory_name(layer.chain_id)));
  TRY(publish_blob(root_, layer));
  return publish_layer(root_, staging, layer);
}

Result<void> Store::clean() const {
  {
    const Fd lock = TRY(lock_store(root_, LOCK_EX));
    TRY(drop_after_crash(root_));
    sweep_temporaries(root_);
    TRY(sweep_stagings(root_));
  }
  return empty_trash(root_);
}

}  // namespace image
