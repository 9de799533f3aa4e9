// `docker rmi`: which names go, whether the image may go with them, and what goes with it.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/store.h"
#include "image/store_files.h"

namespace image {

namespace {

// One removal: what it is about, found under the store's lock.
struct Removal {
  const std::string& root;
  const RemoveOptions& options;
  Image image;
  std::vector<Reference> names;  // of the image, all
  RemovalLines lines;

  std::optional<ImageUser> user() const { return options.user_of ? options.user_of(image.id) : std::nullopt; }
};

bool means_id(const Image& image, const std::string& name) {
  return image.id.text().starts_with(name) || image.id.hex().starts_with(name);
}

size_t count_tags(const std::vector<Reference>& names) {
  return static_cast<size_t>(
      std::count_if(names.begin(), names.end(), [](const Reference& name) { return !name.digest(); }));
}

// At most one tag, and all names in one repository: removing by id is unambiguous then.
bool is_single_reference(const std::vector<Reference>& names) {
  std::set<std::string> repositories;
  for (const auto& name : names)
    repositories.insert(name.repository());
  return count_tags(names) <= 1 && repositories.size() <= 1;
}

Error refusal(const Removal& removal, const char* force_word, const std::string& why) {
  return conflict("conflict: unable to delete " + removal.image.id.short_hex() + " (" + force_word + ") - " +
                  why);
}

// Why the image itself can't be deleted now.
std::optional<Error> deletion_conflict(const Removal& removal, bool names_matter) {
  const auto user = removal.user();
  if (user && user->running)
    return refusal(removal, "cannot be forced",
                   "image is being used by running container " + user->container);
  if (removal.options.force) return std::nullopt;
  if (user)
    return refusal(removal, "must be forced", "image is being used by stopped container " + user->container);
  if (names_matter && !removal.names.empty())
    return refusal(removal, "must be forced", "image is referenced in multiple repositories");
  return std::nullopt;
}

Result<void> drop_name(Removal& removal, const Reference& name) {
  TRY(remove_tag(removal.root, name));
  removal.lines.push_back("Untagged: " + name.familiar());
  std::erase(removal.names, name);
  return ok();
}

Result<void> drop_all_names(Removal& removal) {
  const std::vector<Reference> names = removal.names;
  for (const auto& name : names)
    TRY(drop_name(removal, name));
  return ok();
}

// The record first: without it the image is gone, whatever a kill leaves of the rest.
Result<void> delete_image(Removal& removal) {
  const std::string record = record_path(removal.root, removal.image.id);
  TRY(sys::unlinkat(AT_FDCWD, record.c_str(), 0));
  removal.lines.push_back("Deleted: " + removal.image.id.text());
  const auto referenced = TRY(referenced_layers(removal.root));
  const auto& layers = removal.image.layers;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (referenced.contains(layer->directory) || removal.options.layers_in_use.contains(layer->directory))
      continue;
    TRY(move_to_trash(removal.root, removal.root + "/layers/" + layer->directory));
    removal.lines.push_back("Deleted: " + layer->chain_id.text());
  }
  return drop_unreferenced_blobs(removal.root);
}

// `docker rmi NAME`: the name goes; with the last one the image, unless someone uses it.
Result<void> remove_by_name(Removal& removal, const std::string& text) {
  const Reference name = TRY(Reference::parse_with_default_tag(text));
  const bool last = is_single_reference(removal.names);
  const auto user = removal.user();
  if (user && last && !removal.options.force) {
    return conflict("conflict: unable to remove repository reference \"" + printable(text) +
                    "\" (must force) - container " + user->container + " is using its referenced image " +
                    removal.image.id.short_hex());
  }
  TRY(drop_name(removal, name.digest() ? name.with_digest(*name.digest()) : name));
  if (count_tags(removal.names) == 0 && last) TRY(drop_all_names(removal));  // digests of the same repository
  if (!removal.names.empty() || deletion_conflict(removal, false)) return ok();
  return delete_image(removal);
}

Result<void> remove_by_id(Removal& removal) {
  const bool single = is_single_reference(removal.names);
  if (auto refused = deletion_conflict(removal, !single)) return std::move(*refused);
  TRY(drop_all_names(removal));
  return delete_image(removal);
}

}  // namespace

Result<RemovalLines> Store::remove(const std::string& name, const RemoveOptions& options) const {
  RemovalLines lines;
  TRY(recover());
  {
    const Fd lock = TRY(lock_store(root_, LOCK_EX));
    Image image = TRY(find(name));
    Removal removal{root_, options, std::move(image), {}, {}};
    const auto tags = TRY(read_all_tags(root_));
    const auto [first, last] = tags.equal_range(removal.image.id);
    for (auto it = first; it != last; ++it)
      removal.names.push_back(it->second);
    // A tag can look like an id; docker takes it as a tag when there is such a tag.
    const auto reference = Reference::parse_with_default_tag(name);
    const bool is_name = reference && read_tag(root_, *reference).has_value();
    if (is_name || !means_id(removal.image, name)) {
      TRY(remove_by_name(removal, name));
    } else {
      TRY(remove_by_id(removal));
    }
    lines = std::move(removal.lines);
  }
  static_cast<void>(clean());  // the image is gone; what is left in the trash goes with the next change
  return lines;
}

Result<void> Store::prune_layers(const std::set<std::string>& layers_in_use) const {
  {
    const Fd lock = TRY(lock_store(root_, LOCK_EX));
    TRY(drop_unreferenced_layers(root_, layers_in_use));
    TRY(drop_unreferenced_blobs(root_));
  }
  return clean();
}

}  // namespace image
