// Durability without waiting: publishing syncs nothing. It names what it publishes in a directory of
// ROOT/unsynced first, by empty files, because names reach a journaling file system in the order in which
// they were made. Once syncfs(2) has written everything that directory goes. After a crash of the machine,
// known by another boot id, what is still named there may be half on disk, and is dropped.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/layer_measure.h"
#include "image/store.h"
#include "image/store_files.h"

namespace image {

namespace {

constexpr std::string_view kImage = "image-";  // + digest, as the next
constexpr std::string_view kBlob = "blob-";
constexpr std::string_view kLayer = "layer-";  // + directory below ROOT/layers

std::string unsynced_path(const std::string& root) {
  return root + "/unsynced";
}

std::vector<std::string> names_below(const std::string& path) {
  auto names = list_directory(path);
  return names ? std::move(*names) : std::vector<std::string>();
}

Result<void> remove_tags_of(const std::string& root, const Digest& id) {
  const auto tags = TRY(read_all_tags(root));
  const auto [first, last] = tags.equal_range(id);
  for (auto it = first; it != last; ++it)
    TRY(remove_tag(root, it->second));
  return ok();
}

Result<void> unlink_if_there(const std::string& path) {
  auto removed = sys::unlinkat(AT_FDCWD, path.c_str(), 0);
  if (!removed && removed.error().error_number() == ENOENT) return ok();
  return removed;
}

// By name as note_unsynced() wrote it; nullopt for anything else.
std::optional<Digest> noted_digest(std::string_view name, std::string_view kind) {
  if (!name.starts_with(kind)) return std::nullopt;
  auto digest = Digest::parse(name.substr(kind.size()));
  if (!digest) return std::nullopt;
  return std::move(*digest);
}

// What the disk has of published things is whole or too short: journaling file systems write a file's data
// before its size. So sizes tell, and nothing has to be read that a start would have to wait for; `system
// check --deep` reads.
class Recovery {
 public:
  explicit Recovery(const Store& store) : store_(store) {}

  // Images last: they need the rest.
  Result<void> run(const std::vector<std::string>& names) {
    for (const auto& name : names)
      TRY(check_layer(name));
    for (const auto& name : names) {
      const auto digest = noted_digest(name, kBlob);
      if (digest) TRY(check_blob(*digest));
    }
    for (const auto& name : names) {
      const auto digest = noted_digest(name, kImage);
      if (digest) TRY(check_image(*digest));
    }
    return ok();
  }

 private:
  Result<void> check_layer(std::string_view name) {
    if (!name.starts_with(kLayer)) return ok();
    const std::string directory(name.substr(kLayer.size()));
    if (directory.find('/') != std::string::npos || directory.starts_with('.')) return ok();
    const auto layer = read_layer(store_.root(), directory);
    if (layer && layer_fault(store_, layer->chain_id).empty()) return ok();
    return move_to_trash(store_.root(), store_.layer_path(directory));
  }

  Result<void> check_blob(const Digest& digest) {
    if (sizes_.empty()) TRY(read_sizes());
    const std::string path = store_.blob_path(digest);
    struct stat status = {};
    if (::lstat(path.c_str(), &status) < 0) return ok();
    const auto known = sizes_.find(digest);
    if (known != sizes_.end() && known->second == static_cast<uint64_t>(status.st_size)) return ok();
    return unlink_if_there(path);
  }

  Result<void> read_sizes() {
    const auto diff_ids = TRY(list_distributions(store_.root()));
    for (const auto& diff_id : diff_ids) {
      const auto blobs = read_layer_blobs(store_.root(), diff_id);
      if (!blobs) {
        TRY(unlink_if_there(distribution_path(store_.root(), diff_id)));
        continue;
      }
      for (const auto& blob : *blobs)
        sizes_.emplace(blob.digest, blob.size);
    }
    return ok();
  }

  bool is_whole(const Digest& id) const {
    const auto image = read_record(store_.root(), id);
    const auto config = store_.config_json(id);
    if (!image || !config || !parse_config(*config)) return false;
    return std::all_of(image->layers.begin(), image->layers.end(), [this](const Layer& layer) {
      return path_exists(store_.layer_path(layer.directory) + "/layer.json");
    });
  }

  Result<void> check_image(const Digest& id) {
    if (is_whole(id)) return ok();
    TRY(remove_tags_of(store_.root(), id));
    return unlink_if_there(record_path(store_.root(), id));
  }

  const Store& store_;
  std::map<Digest, uint64_t> sizes_;
};

}  // namespace

Result<void> note_unsynced(const std::string& root, const NewImage& image) {
  constexpr size_t kRandomBytes = 8;
  const std::string boot = TRY(boot_id());
  const std::string note = unsynced_path(root) + "/" + boot + "." + random_hex(kRandomBytes);
  TRY(make_directories(note));
  const auto add = [&](std::string_view kind, const std::string& what) {
    return create_file(note + "/" + std::string(kind) + what, "");
  };
  for (const auto& layer : image.layers) {
    if (!layer.staged.empty()) {
      auto added = add(kLayer, layer_directory_name(layer.chain_id));
      if (!added && added.error().kind() != ErrorKind::kConflict) return added;
    }
    if (layer.blob && !layer.blob_file.empty()) {
      auto added = add(kBlob, layer.blob->digest.text());
      if (!added && added.error().kind() != ErrorKind::kConflict) return added;
    }
  }
  return add(kImage, image.id.text());
}

Result<void> drop_after_crash(const std::string& root) {
  const Store store(root);
  const auto notes = names_below(unsynced_path(root));
  if (notes.empty()) return ok();
  const std::string boot = TRY(boot_id());
  bool dropped = false;
  for (const auto& note : notes) {
    if (note.starts_with(boot)) continue;
    const std::string path = unsynced_path(root) + "/" + note;
    TRY(Recovery(store).run(names_below(path)));
    TRY(remove_tree(path));
    dropped = true;
  }
  ::rmdir(unsynced_path(root).c_str());
  return dropped ? drop_unreferenced_blobs(root) : ok();
}

Result<void> Store::settle() const {
  const auto notes = names_below(unsynced_path(root_));
  if (notes.empty()) return ok();
  const std::string boot = TRY(boot_id());
  const Fd directory = TRY(sys::open(root_.c_str(), O_RDONLY | O_DIRECTORY));
  // All that was noted before this call is on disk after it.
  if (::syncfs(directory.get()) < 0) return Error::from_errno("syncfs " + root_, errno);
  if (!path_exists(unsynced_path(root_))) return ok();  // all of it was removed meanwhile
  const Fd lock = TRY(lock_store(root_, LOCK_EX));
  for (const auto& note : notes) {
    if (note.starts_with(boot)) TRY(remove_tree(unsynced_path(root_) + "/" + note));
  }
  ::rmdir(unsynced_path(root_).c_str());
  return ok();
}

Result<void> Store::recover() const {
  if (!path_exists(unsynced_path(root_))) return ok();
  const std::string boot = TRY(boot_id());
  const auto notes = names_below(unsynced_path(root_));
  const bool crashed = std::any_of(notes.begin(), notes.end(),
                                   [&](const std::string& note) { return !note.starts_with(boot); });
  if (!crashed) return ok();
  {
    const Fd lock = TRY(lock_store(root_, LOCK_EX));
    TRY(drop_after_crash(root_));
  }
  static_cast<void>(empty_trash(root_));  // what can't go now goes with the next change
  return ok();
}

Result<Fd> Store::hold() const {
  TRY(recover());
  return lock_store(root_, LOCK_SH);
}

}  // namespace image
