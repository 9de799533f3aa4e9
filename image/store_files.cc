#include "image/store_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace image {

namespace {

constexpr size_t kDirectoryHex = 16;
constexpr int kRecordVersion = 1;

std::string slashes_to(std::string text, char from, char to) {
  std::replace(text.begin(), text.end(), from, to);
  return text;
}

// "!" is in no reference, so the name of the directory tells the repository.
std::string repository_directory(const std::string& root, const Reference& name) {
  return root + "/tags/" + slashes_to(name.repository(), '/', '!');
}

bool is_layer_directory_name(const std::string& text) {
  return text.size() == kDirectoryHex && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<Digest> digest_at(const JsonView& view, const char* key) {
  const JsonView member = TRY(view.at(key));
  const std::string text = TRY(member.string());
  return TRY_IN(member.pointer(), Digest::parse(text));
}

Result<Layer> read_layer_entry(const JsonView& view) {
  Digest chain_id = TRY(digest_at(view, "chain_id"));
  Digest diff_id = TRY(digest_at(view, "diff_id"));
  const auto size = TRY(view.optional_unsigned("size"));
  const auto entries = TRY(view.optional_unsigned("entries"));
  std::string directory = layer_directory_name(chain_id);
  return Layer{std::move(chain_id), std::move(diff_id), std::move(directory), size.value_or(0),
               entries.value_or(0)};
}

Result<Image> image_of_record(const JsonView& view, const Digest& id) {
  Image result{.id = id};
  const auto version = TRY(view.optional_integer("version"));
  if (version != kRecordVersion) return corrupt("/version: written by another version of vial");
  const Digest written_id = TRY(digest_at(view, "id"));
  if (written_id != id) return corrupt("/id: is of another image");
  result.architecture = TRY(view.string_or("architecture", ""));
  result.os = TRY(view.string_or("os", ""));
  result.variant = TRY(view.string_or("variant", ""));
  result.created = TRY(view.string_or("created", ""));
  const auto created_ns = TRY(view.optional_integer("created_ns"));
  result.created_ns = created_ns.value_or(0);
  const auto size = TRY(view.optional_unsigned("size"));
  result.size_bytes = size.value_or(0);
  if (view.has("manifest")) result.manifest = TRY(digest_at(view, "manifest"));
  const JsonView config = TRY(view.at("config"));
  result.config = TRY(read_run_config(config));
  const JsonView layers_view = TRY(view.at("layers"));
  const auto layers = TRY(layers_view.elements());
  for (const auto& layer : layers)
    result.layers.push_back(TRY(read_layer_entry(layer)));
  return result;
}
}  // namespace

Result<std::vector<std::string>> names_in(const std::string& path) {
  auto names = list_directory(path);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return std::vector<std::string>();
  return names;
}

std::string record_path(const std::string& root, const Digest& id) {
  return root + "/images/" + std::string(id.hex()) + ".json";
}

std::string blob_path(const std::string& root, const Digest& digest) {
  return root + "/blobs/" + std::string(digest.algorithm_name()) + "/" + std::string(digest.hex());
}

std::string tag_path(const std::string& root, const Reference& name) {
  return repository_directory(root, name) + "/" + (name.digest() ? name.digest()->text() : name.tag());
}

std::string layer_directory_name(const Digest& chain_id) {
  return std::string(chain_id.hex().substr(0, kDirectoryHex));
}

Result<Image> read_record(const std::string& root, const Digest& id) {
  auto text = read_file(record_path(root, id));
  if (!text && text.error().error_number() == ENOENT) return not_found("No such image: " + id.text());
  if (!text) return std::move(text).error();
  const auto read = [&]() -> Result<Image> {
    const Json document = TRY(parse_json(*text));
    return image_of_record(JsonView(document), id);
  };
  auto image = read();
  if (!image)
    return corrupt("the record of image " + id.short_hex() + " is damaged: " + image.error().text());
  return image;
}

Result<void> write_record(const std::string& root, const Image& image) {
  Json layers = Json::array();
  for (const auto& layer : image.layers) {
    layers.push_back({{"chain_id", layer.chain_id.text()},
                      {"diff_id", layer.diff_id.text()},
                      {"directory", layer.directory},
                      {"size", layer.size_bytes}});
  }
  Json record = {{"version", kRecordVersion},
                 {"id", image.id.text()},
                 {"architecture", image.architecture},
                 {"os", image.os},
                 {"variant", image.variant},
                 {"created", image.created},
                 {"created_ns", image.created_ns},
                 {"size", image.size_bytes},
                 {"config", write_run_config(image.config)},
                 {"layers", std::move(layers)}};
  if (image.manifest) record["manifest"] = image.manifest->text();
  TRY(make_directories(root + "/images"));
  return replace_file(record_path(root, image.id), dump_json(record, 1) + "\n");
}

Result<std::vector<Digest>> list_records(const std::string& root) {
  const auto names = TRY(names_in(root + "/images"));
  std::vector<Digest> ids;
  constexpr std::string_view kSuffix = ".json";
  for (const auto& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    const std::string hex = name.substr(0, name.size() - kSuffix.size());
    auto id = Digest::parse("sha256:" + hex);
    if (!id) id = Digest::parse("sha512:" + hex);
    if (id) ids.push_back(std::move(*id));
  }
  return ids;
}

Result<Digest> read_tag(const std::string& root, const Reference& name) {
  auto text = read_file(tag_path(root, name));
  if (!text) {
    const int number = text.error().error_number();
    if (number == ENOENT || number == ENOTDIR || number == ENAMETOOLONG)
      return not_found("No such image: " + name.familiar());
    return std::move(text).error();
  }
  auto id = Digest::parse(trim(*text));
  if (!id) return corrupt("the tag " + name.familiar() + " is damaged; tag or load the image again");
  return id;
}

Result<void> write_tag(const std::string& root, const Reference& name, const Digest& id, Durable durable) {
  TRY(make_directories(repository_directory(root, name)));
  return replace_file(tag_path(root, name), id.text() + "\n", 0600, durable);
}

Result<void> remove_tag(const std::string& root, const Reference& name) {
  auto removed = sys::unlinkat(AT_FDCWD, tag_path(root, name).c_str(), 0);
  if (!removed && removed.error().error_number() == ENOENT)
    return not_found("No such image: " + name.familiar());
  // Stays while the repository has other tags.
  ::rmdir(repository_directory(root, name).c_str());
  return removed;
}

Result<std::multimap<Digest, Reference>> read_all_tags(const std::string& root) {
  std::multimap<Digest, Reference> result;
  const auto repositories = TRY(names_in(root + "/tags"));
  for (const auto& repository : repositories) {
    const auto base = Reference::parse(slashes_to(repository, '!', '/'));
    if (!base) continue;
    const auto names = TRY(names_in(root + "/tags/" + repository));
    for (const auto& name : names) {
      auto digest = Digest::parse(name);
      if (!digest && !is_valid_tag(name)) continue;  // a temporary file
      const Reference reference = digest ? base->with_digest(std::move(*digest)) : base->with_tag(name);
      auto id = read_tag(root, reference);
      if (id) result.emplace(std::move(*id), reference);
    }
  }
  return result;
}

Result<Layer> read_layer(const std::string& root, const std::string& directory) {
  auto text = read_file(root + "/layers/" + directory + "/layer.json");
  if (!text && text.error().error_number() == ENOENT) return not_found("no layer " + directory);
  if (!text) return std::move(text).error();
  const std::string what = "the record of layer " + directory + " is damaged";
  const Json document = TRY_IN(what, parse_json(*text));
  return TRY_IN(what, read_layer_entry(JsonView(document)));
}

std::string layer_json(const NewLayer& layer) {
  const Json record = {{"chain_id", layer.chain_id.text()},
                       {"diff_id", layer.diff_id.text()},
                       {"size", layer.size_bytes},
                       {"entries", layer.entries}};
  return dump_json(record, 1) + "\n";
}

Result<Fd> lock_store(const std::string& root, int operation) {
  TRY(make_directories(root));
  const std::string path = root + "/store.lock";
  Fd fd = TRY(sys::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  TRY_IN(path, sys::flock(fd.get(), operation));
  return fd;
}

Result<void> move_to_trash(const std::string& root, const std::string& path) {
  TRY(make_directories(root + "/trash"));
  constexpr size_t kRandomBytes = 8;
  const std::string target = root + "/trash/" + random_hex(kRandomBytes);
  auto moved = sys::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(), 0);
  if (!moved && moved.error().error_number() == ENOENT) return ok();
  return moved;
}

Result<void> empty_trash(const std::string& root) {
  const auto names = TRY(names_in(root + "/trash"));
  Result<void> result;
  for (const auto& name : names) {
    auto removed = remove_tree(root + "/trash/" + name);
    if (!removed && result) result = std::move(removed);
  }
  return result;
}

Result<std::set<std::string>> referenced_layers(const std::string& root) {
  std::set<std::string> result;
  const auto ids = TRY(list_records(root));
  for (const auto& id : ids) {
    // A record that can't be read might need any layer: nothing may be dropped then.
    const Image image = TRY(read_record(root, id));
    for (const auto& layer : image.layers)
      result.insert(layer.directory);
  }
  const auto stagings = TRY(names_in(root + "/staging"));
  for (const auto& staging : stagings) {
    const auto pins = TRY(names_in(root + "/staging/" + staging + "/pins"));
    result.insert(pins.begin(), pins.end());
  }
  return result;
}

Result<void> drop_unreferenced_layers(const std::string& root, const std::set<std::string>& in_use) {
  const auto referenced = TRY(referenced_layers(root));
  const auto directories = TRY(names_in(root + "/layers"));
  for (const auto& directory : directories) {
    if (!is_layer_directory_name(directory)) continue;
    if (referenced.contains(directory) || in_use.contains(directory)) continue;
    TRY(move_to_trash(root, root + "/layers/" + directory));
  }
  return ok();
}

}  // namespace image
