#include "image/distribution.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file.h"
#include "base/json.h"

namespace image {

namespace {

constexpr int kVersion = 1;
constexpr size_t kMaxRepositories = 64;  // a mount is tried from one of them; more help nobody

Result<LayerBlob> read_blob(const JsonView& view) {
  const JsonView digest_view = TRY(view.at("digest"));
  const std::string digest_text = TRY(digest_view.string());
  Digest digest = TRY_IN(digest_view.pointer(), Digest::parse(digest_text));
  const auto size = TRY(view.optional_unsigned("size"));
  std::string media_type = TRY(view.string_or("media_type", ""));
  auto repositories = TRY(view.strings_or_empty("repositories"));
  return LayerBlob{std::move(digest), size.value_or(0), std::move(media_type), std::move(repositories)};
}

Result<std::vector<LayerBlob>> read_blobs(const std::string& text) {
  const Json document = TRY(parse_json(text));
  const JsonView view(document);
  const auto version = TRY(view.optional_integer("version"));
  if (version != kVersion) return corrupt("/version: written by another version of vial");
  const JsonView list = TRY(view.at("blobs"));
  const auto entries = TRY(list.elements());
  std::vector<LayerBlob> blobs;
  for (const auto& entry : entries)
    blobs.push_back(TRY(read_blob(entry)));
  return blobs;
}

Result<void> write_blobs(const std::string& root, const Digest& diff_id,
                         const std::vector<LayerBlob>& blobs) {
  Json list = Json::array();
  for (const auto& blob : blobs) {
    list.push_back({{"digest", blob.digest.text()},
                    {"size", blob.size},
                    {"media_type", blob.media_type},
                    {"repositories", blob.repositories}});
  }
  const Json document = {{"version", kVersion}, {"diff_id", diff_id.text()}, {"blobs", std::move(list)}};
  TRY(make_directories(root + "/distribution"));
  return replace_file(distribution_path(root, diff_id), dump_json(document, 1) + "\n");
}

// True if that changed anything.
bool merge(LayerBlob& known, const LayerBlob& more) {
  std::set<std::string> all(known.repositories.begin(), known.repositories.end());
  all.insert(more.repositories.begin(), more.repositories.end());
  if (all.size() == known.repositories.size() || all.size() > kMaxRepositories) return false;
  known.repositories.assign(all.begin(), all.end());
  return true;
}

}  // namespace

std::string distribution_path(const std::string& root, const Digest& diff_id) {
  return root + "/distribution/" + std::string(diff_id.hex()) + ".json";
}

Result<std::vector<LayerBlob>> read_layer_blobs(const std::string& root, const Digest& diff_id) {
  auto text = read_file(distribution_path(root, diff_id));
  if (!text && text.error().error_number() == ENOENT) return std::vector<LayerBlob>();
  if (!text) return std::move(text).error();
  auto blobs = read_blobs(*text);
  if (!blobs) {
    return corrupt("the record of how layer " + diff_id.short_hex() +
                   " travels is damaged: " + blobs.error().text());
  }
  return blobs;
}

Result<void> add_layer_blob(const std::string& root, const Digest& diff_id, const LayerBlob& blob) {
  auto read = read_layer_blobs(root, diff_id);
  std::vector<LayerBlob> blobs;  // what is damaged is written anew
  if (read) blobs = std::move(*read);
  const auto known = std::find_if(blobs.begin(), blobs.end(),
                                  [&](const LayerBlob& other) { return other.digest == blob.digest; });
  if (known == blobs.end()) {
    blobs.push_back(blob);
    std::sort(blobs.back().repositories.begin(), blobs.back().repositories.end());
  } else if (!merge(*known, blob)) {
    return ok();
  }
  return write_blobs(root, diff_id, blobs);
}

Result<std::vector<Digest>> list_distributions(const std::string& root) {
  auto names = list_directory(root + "/distribution");
  if (!names && names.error().kind() == ErrorKind::kNotFound) return std::vector<Digest>();
  if (!names) return std::move(names).error();
  std::vector<Digest> result;
  constexpr std::string_view kSuffix = ".json";
  for (const auto& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    const std::string hex = name.substr(0, name.size() - kSuffix.size());
    auto digest = Digest::parse("sha256:" + hex);
    if (!digest) digest = Digest::parse("sha512:" + hex);
    if (digest) result.push_back(std::move(*digest));
  }
  return result;
}

}  // namespace image
