#include "image/registry/documents.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/strings.h"
#include "image/archive/hash.h"

namespace image::registry {

namespace {

constexpr size_t kMaxNames = 100'000;
constexpr size_t kMaxServerText = 1000;

// The media type without its parameters ("; charset=utf-8").
std::string bare_type(std::string_view header) {
  return to_lower(trim(header.substr(0, header.find(';'))));
}

Result<std::vector<std::string>> parse_names(std::string_view body, const char* key) {
  const Json document = TRY(parse_json(body));
  const JsonView view(document);
  if (!view.is_object()) return invalid("not an object");
  auto names = TRY(view.strings_or_empty(key));  // null when there are none
  if (names.size() > kMaxNames) return invalid("too many names");
  return names;
}

}  // namespace

const char* const kManifestTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

ServerError parse_server_error(std::string_view body) {
  const auto document = parse_json(body);
  if (!document) return {};
  const auto errors = JsonView(*document).find("errors");
  if (!errors || !errors->raw().is_array() || errors->raw().empty()) return {};
  const JsonView first(errors->raw().front());
  ServerError result;
  result.code = printable(first.string_or("code", "").value_or("")).substr(0, kMaxServerText);
  result.message = printable(first.string_or("message", "").value_or("")).substr(0, kMaxServerText);
  return result;
}

Result<std::vector<std::string>> parse_tags(std::string_view body) {
  return TRY_IN("list of tags", parse_names(body, "tags"));
}

Result<std::vector<std::string>> parse_catalog(std::string_view body) {
  return TRY_IN("catalog", parse_names(body, "repositories"));
}

Result<std::vector<SearchResult>> parse_search(std::string_view body) {
  const auto read = [&]() -> Result<std::vector<SearchResult>> {
    const Json document = TRY(parse_json(body));
    const JsonView view(document);
    const JsonView list = TRY(view.at("results"));
    const auto elements = TRY(list.elements());
    std::vector<SearchResult> results;
    for (const auto& element : elements) {
      SearchResult result;
      result.name = TRY(element.string_or("name", ""));
      result.description = TRY(element.string_or("description", ""));
      result.stars = TRY(element.optional_integer("star_count")).value_or(0);
      result.is_official = TRY(element.boolean_or("is_official", false));
      result.is_automated = TRY(element.boolean_or("is_automated", false));
      results.push_back(std::move(result));
    }
    return results;
  };
  return TRY_IN("search results", read());
}

std::optional<std::string> next_page(std::string_view link) {
  while (!link.empty()) {
    const size_t open = link.find('<');
    const size_t close = open == std::string_view::npos ? open : link.find('>', open);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view target = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const std::string parameters = to_lower(link.substr(0, link.find('<')));
    if (contains(parameters, "rel=\"next\"") || contains(parameters, "rel=next")) return std::string(target);
  }
  return std::nullopt;
}

bool is_config_type(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.config.v1+json" ||
         media_type == "application/vnd.docker.container.image.v1+json";
}

bool is_layer_type(std::string_view media_type) {
  constexpr std::array<std::string_view, 10> kTypes = {
      "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.oci.image.layer.v1.tar+gzip",
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "application/vnd.oci.image.layer.nondistributable.v1.tar",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
      "application/vnd.docker.image.rootfs.diff.tar",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
      "application/vnd.docker.image.rootfs.diff.tar.zstd",
      "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"};
  return std::find(kTypes.begin(), kTypes.end(), media_type) != kTypes.end();
}

Result<Document> read_document(std::string bytes, std::string_view content_type,
                               const std::optional<Descriptor>& described) {
  const std::string type = bare_type(content_type);
  if (type == "application/vnd.docker.distribution.manifest.v1+json" ||
      type == "application/vnd.docker.distribution.manifest.v1+prettyjws") {
    return unsupported("schema 1 manifests are not supported: convert the image (skopeo copy)");
  }
  const bool is_index = is_index_type(type);
  if (!is_index && !is_manifest_type(type))
    return unsupported("the registry sent a '" + printable(type) + "', which is no image manifest");
  if (described && !described->media_type.empty() && described->media_type != type) {
    return corrupt("the index says '" + printable(described->media_type) + "' but the registry sent a '" +
                   type + "'");
  }
  const auto algorithm = described ? described->digest.algorithm() : DigestAlgorithm::kSha256;
  Digest digest = TRY(digest_of(bytes, algorithm));
  Document result{std::move(bytes), type, std::move(digest), {}, {}};
  if (is_index) {
    result.index = TRY(parse_index(result.bytes));
  } else {
    result.manifest = TRY(parse_manifest(result.bytes));
  }
  // The parsers refuse a mediaType of the other kind; the same kind in the other standard is refused here.
  const Json document = TRY(parse_json(result.bytes));
  const std::string inside = TRY(JsonView(document).string_or("mediaType", type));
  if (inside != type)
    return corrupt("the registry sent a '" + type + "' that says it is a '" + printable(inside) + "'");
  return result;
}

}  // namespace image::registry
