#include "image/descriptor.h"

#include <sys/utsname.h>

#include <algorithm>

#include "base/strings.h"

namespace image {

namespace {

Result<Platform> read_platform(const JsonView& view) {
  Platform result;
  result.os = TRY(view.string_or("os", ""));
  result.architecture = TRY(view.string_or("architecture", ""));
  result.variant = TRY(view.string_or("variant", ""));
  return result;
}

Result<Json> parse_document(std::string_view bytes, const char* what) {
  if (bytes.size() > kMaxManifestBytes) return invalid(std::string(what) + " is larger than 4 MiB");
  Json document = TRY_IN(what, parse_json(bytes));
  if (!document.is_object()) return corrupt(std::string(what) + ": not an object");
  const bool has_manifest_part = document.contains("layers") || document.contains("config");
  if (has_manifest_part && document.contains("manifests"))
    return invalid(std::string(what) + ": is both a manifest and an index");
  return document;
}

Result<std::vector<Descriptor>> read_descriptors(const JsonView& view, const char* key) {
  std::vector<Descriptor> result;
  const JsonView member = TRY(view.at(key));
  const auto elements = TRY(member.elements());
  for (const auto& element : elements)
    result.push_back(TRY(read_descriptor(element)));
  return result;
}

bool is_attestation(const Descriptor& entry) {
  return entry.platform && entry.platform->os == "unknown" && entry.platform->architecture == "unknown";
}

}  // namespace

bool is_index_type(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.index.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool is_manifest_type(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.manifest.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.v2+json";
}

Result<Descriptor> read_descriptor(const JsonView& view) {
  const JsonView digest_view = TRY(view.at("digest"));
  const std::string digest_text = TRY(digest_view.string());
  Digest digest = TRY_IN(digest_view.pointer(), Digest::parse(digest_text));
  Descriptor result{
      .media_type = {}, .digest = std::move(digest), .size = 0, .platform = {}, .annotations = {}};
  result.media_type = TRY(view.string_or("mediaType", ""));
  const JsonView size = TRY(view.at("size"));
  result.size = TRY(size.unsigned_integer());
  if (const auto platform = view.find("platform")) result.platform = TRY(read_platform(*platform));
  if (const auto annotations = view.find("annotations")) {
    const auto members = TRY(annotations->members());
    for (const auto& [key, value] : members)
      result.annotations[key] = TRY(value.string());
  }
  return result;
}

Result<Manifest> parse_manifest(std::string_view bytes) {
  const Json document = TRY(parse_document(bytes, "image manifest"));
  const JsonView view(document);
  const auto read = [&]() -> Result<Manifest> {
    const auto schema = TRY(view.optional_integer("schemaVersion"));
    if (schema == 1)
      return unsupported("schema 1 manifests are not supported: convert the image (skopeo copy)");
    if (schema != 2) return invalid("/schemaVersion: not 2");
    std::string media_type = TRY(view.string_or("mediaType", ""));
    if (!media_type.empty() && !is_manifest_type(media_type))
      return invalid("/mediaType: '" + printable(media_type) + "' is not an image manifest's");
    const JsonView config_view = TRY(view.at("config"));
    Descriptor config = TRY(read_descriptor(config_view));
    auto layers = TRY(read_descriptors(view, "layers"));
    return Manifest{std::move(media_type), std::move(config), std::move(layers)};
  };
  return TRY_IN("image manifest", read());
}

Result<Index> parse_index(std::string_view bytes) {
  const Json document = TRY(parse_document(bytes, "image index"));
  const JsonView view(document);
  const auto read = [&]() -> Result<Index> {
    const auto schema = TRY(view.optional_integer("schemaVersion"));
    if (schema != 2) return invalid("/schemaVersion: not 2");
    const std::string media_type = TRY(view.string_or("mediaType", ""));
    if (!media_type.empty() && !is_index_type(media_type))
      return invalid("/mediaType: '" + printable(media_type) + "' is not an image index's");
    auto manifests = TRY(read_descriptors(view, "manifests"));
    return Index{std::move(manifests)};
  };
  return TRY_IN("image index", read());
}

Platform host_platform() {
  utsname names = {};
  ::uname(&names);
  const std::string_view machine = names.machine;
  Platform result{"linux", std::string(machine), ""};
  if (machine == "x86_64") result.architecture = "amd64";
  if (machine == "aarch64") result.architecture = "arm64";
  if (machine == "armv7l") result = {"linux", "arm", "v7"};
  return result;
}

Result<Platform> parse_platform(const std::string& text) {
  const auto parts = split(text, '/');
  const bool whole = std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); });
  if (parts.size() < 2 || parts.size() > 3 || !whole)
    return invalid("invalid platform '" + printable(text) +
                   "': want os/arch or os/arch/variant, as linux/arm64");
  return Platform{parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
}

std::string platform_text(const Platform& platform) {
  std::string text = platform.os + "/" + platform.architecture;
  if (!platform.variant.empty()) text += "/" + platform.variant;
  return text;
}

bool fits(const Platform& offered, const Platform& wanted) {
  if (offered.os != wanted.os || offered.architecture != wanted.architecture) return false;
  return wanted.variant.empty() || offered.variant.empty() || offered.variant == wanted.variant;
}

Result<Descriptor> choose_platform(const Index& index, const Platform& wanted) {
  const Descriptor* unmarked = nullptr;
  std::vector<std::string> offered;
  for (const auto& entry : index.manifests) {
    if (is_attestation(entry)) continue;
    if (!entry.platform) {
      if (unmarked == nullptr) unmarked = &entry;
      continue;
    }
    if (fits(*entry.platform, wanted)) return entry;
    offered.push_back(platform_text(*entry.platform));
  }
  if (unmarked != nullptr) return *unmarked;
  return not_found("no image for platform " + platform_text(wanted) +
                   ", only for: " + (offered.empty() ? "none" : printable(join(offered, ", "))));
}

}  // namespace image
