// The images on this machine: content-addressed blobs, unpacked layers that images share, records and tags
// below one directory. It reads no archive and no network; image/archive fills it.
//
//   ROOT/tags/<repository, / as !>/<tag>   the image's id: one small read for a name
//   ROOT/images/<hex of the id>.json       the record: layers and what a run needs: the second read
//   ROOT/blobs/sha256/<hex>                configurations, manifests and compressed layers, byte for byte
//   ROOT/distribution/<hex of the diff id>.json   which blobs a layer travels as (image/distribution.h)
//   ROOT/layers/<first 16 hex of the chain id>/fs, layer.json     overlay lower directories
//   ROOT/staging/<random>/                 a load under way; flock(2)ed by it, so that garbage is told from
//   work ROOT/trash/<random>/                   removed, on its way out ROOT/store.lock exclusive while
//   something is published or removed
//   ROOT/unsynced/<boot id>.<random>/      names of what was published and is not surely on disk yet
//
// Publishing: layers by rename, the blob, the record, the tag last, each verified before. A kill or a full
// disk at any point leaves the old state or the new one, and garbage that the next change cleans up.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/config.h"
#include "image/digest.h"
#include "image/distribution.h"
#include "image/reference.h"

namespace image {

struct Layer {
  Digest chain_id;
  Digest diff_id;
  std::string directory;    // name below ROOT/layers; the overlay lower is directory + "/fs"
  uint64_t size_bytes = 0;  // sum of the sizes of its regular files
  uint64_t entries = 0;     // of its archive; 0: size_bytes is more than the tree has. Only layer.json has it
};

struct Image {
  Digest id;  // the digest of its configuration
  std::string architecture;
  std::string os;
  std::string variant;
  std::string created;     // RFC 3339 as written in the image
  int64_t created_ns = 0;  // since the epoch
  uint64_t size_bytes = 0;
  RunConfig config;
  std::vector<Layer> layers;  // bottom to top
  // The manifest that it came with, a blob of the store; absent: it came without one (docker-archive,
  // import).
  std::optional<Digest> manifest;
  // Familiar names, "busybox:latest" and "busybox@sha256:...", sorted. Only inspect() and list() fill them.
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;

  std::vector<std::string> layer_directories() const;  // bottom to top, names below ROOT/layers
};

// That the image is for this platform ("linux/arm64"; empty: any). kInvalid for what is no platform,
// kNotFound in Docker's words, which others match, for an image of another one: the one that is wanted is not
// here.
Result<void> expect_platform(const Image& image, const std::string& name, const std::string& platform);
inline constexpr const char* kOtherPlatform = "does not match the specified platform";

// The directory of a layer below ROOT/layers: the first 16 digits of its chain id.
std::string layer_directory_name(const Digest& chain_id);

// One image to publish. Layers are in the staging directory, or in the store already.
struct NewLayer {
  Digest chain_id;
  Digest diff_id;
  uint64_t size_bytes = 0;
  std::string staged;    // name of the directory in staging that holds fs/; empty: the store has the layer
  uint64_t entries = 0;  // of its archive; 0: some replaced others, size_bytes does not describe the tree
  // The verified bytes that it came as, and the repositories that have them; recorded in any case.
  std::optional<LayerBlob> blob = {};
  // A path in the store's file system (staging, a partial download) that publish() moves to the blobs; empty:
  // the store has the blob, or it was never here.
  std::string blob_file = {};
};
struct NewImage {
  Digest id;
  std::string config_json;  // raw bytes; their digest was verified to be `id`
  std::vector<NewLayer> layers;
  // Each with a tag, or with a digest: that is one of its RepoDigests ("busybox@sha256:...").
  std::vector<Reference> tags;
  std::string manifest_json = {};       // raw bytes, verified; empty: there is none
  std::optional<Digest> manifest = {};  // of these bytes
};

// A load under way. Its directory goes when the object does; after a kill the next change to the store sees
// that nobody holds its lock and removes it.
class Staging {
 public:
  Staging(Staging&& other) noexcept = default;
  Staging& operator=(Staging&& other) = delete;
  ~Staging();
  const std::string& path() const { return path_; }

 private:
  friend class Store;
  Staging(std::string path, Fd directory) : path_(std::move(path)), directory_(std::move(directory)) {}
  std::string path_;
  Fd directory_;  // flock(2)ed exclusively
};

// A container that was made from the image, as the engine knows it.
struct ImageUser {
  std::string container;  // its short id, for the message
  bool running = false;
};

struct RemoveOptions {
  bool force = false;
  // Layer directories that containers use: they stay on disk even when the image goes (force).
  std::set<std::string> layers_in_use;
  // Who uses an image, asked with its id; absent or nullopt: nobody.
  std::function<std::optional<ImageUser>(const Digest& id)> user_of;
};

// What was done, in order, as docker rmi prints it: "Untagged: busybox:latest", "Deleted: sha256:...".
using RemovalLines = std::vector<std::string>;

class Store {
 public:
  // No I/O; directories (0700) are made by the first change.
  explicit Store(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string layer_path(const std::string& directory) const { return root_ + "/layers/" + directory; }

  // The image with this name (busybox, busybox:1.36, busybox@sha256:..., host/name:tag), id or unique prefix
  // of an id. Two small reads for a name. repo_tags and repo_digests stay empty. Errors: kNotFound `No such
  // image: X`, kInvalid for what can be no name, or for a prefix of several ids; kCorrupt for a damaged
  // record.
  Result<Image> find(const std::string& name) const;
  // The same with repo_tags and repo_digests: reads all tags.
  Result<Image> inspect(const std::string& name) const;
  // All images, newest first. Damaged records are left out and named in `problems`.
  Result<std::vector<Image>> list(std::vector<std::string>* problems = nullptr) const;
  // The configuration byte for byte, as inspect and history need it.
  Result<std::string> config_json(const Digest& id) const;
  // The manifest byte for byte. kNotFound when the image came without one.
  Result<std::string> manifest_json(const Image& image) const;
  // Where a blob is, when it is there.
  std::string blob_path(const Digest& digest) const;
  bool has_blob(const Digest& digest) const;
  // The forms in which a layer travels, those whose bytes are here first.
  Result<std::vector<LayerBlob>> layer_blobs(const Digest& diff_id) const;
  // After a push: `blob.repositories` have the layer in this form.
  Result<void> note_layer_blob(const Digest& diff_id, const LayerBlob& blob) const;

  // `docker tag`: moves the tag when it exists already. kNotFound for the source.
  Result<void> tag(const std::string& source, const Reference& target) const;
  // Removes one name, not the image. kNotFound when there is no such name.
  Result<void> untag(const Reference& name) const;
  // docker rmi: untags, and deletes the image with its last name, with the layers that no other image needs.
  // Errors: kNotFound, kConflict with docker's words ("conflict: unable to delete ... (must be forced) -
  // ...").
  Result<RemovalLines> remove(const std::string& name, const RemoveOptions& options) const;

  // As long as the result is open nothing is removed: take it before find() and keep it until a container's
  // record names the image's layers. flock(2), shared.
  Result<Fd> hold() const;

  // --- for those that fill the store (image/archive, build, commit) ---
  // A fresh staging directory. Removes what dead loads left first.
  Result<Staging> stage() const;
  // The layer if the store has it, pinned for `staging`: it can't be removed until `staging` ends. kNotFound.
  Result<Layer> pin_layer(const Staging& staging, const Digest& chain_id) const;
  // Publishes the image (and moves its tags). A layer that another load published meanwhile is shared.
  // Errors: kSystem, kConflict (two chain ids with the same first 16 digits). Returns the image as found().
  Result<Image> publish(const Staging& staging, const NewImage& image) const;
  // Waits until all that was published before this call is on disk (syncfs(2)), and notes it: what was not
  // noted when the machine stops is measured by recover(), and dropped when it is not whole. Loading and
  // pulling leave it to a process in the background. kSystem.
  Result<void> settle() const;
  // The first look at the store after the machine stopped: whatever looks for images does it, and it costs
  // one system call when there is nothing to do. Not to be called with a lock or hold() on the store.
  // kSystem.
  Result<void> recover() const;
  // Puts a staged layer in the place of one that is damaged. Containers that run keep what they have mounted.
  Result<void> replace_layer(const Staging& staging, const NewLayer& layer) const;
  // Removes what dead loads and removals left: stagings with what they had published without a record, trash.
  // Called by stage() and remove().
  Result<void> clean() const;
  // Removes the layers that no image, no load under way and no container (`layers_in_use`) needs: for the
  // engine, when it removes a container whose image is gone, and for prune.
  Result<void> prune_layers(const std::set<std::string>& layers_in_use) const;

 private:
  std::string root_;
};

}  // namespace image
