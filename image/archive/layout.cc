#include "image/archive/layout.h"

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "image/archive/hash.h"
#include "image/descriptor.h"

namespace image {

namespace {

constexpr std::string_view kBlobs = "blobs/";

// "blobs/sha256/<hex>" names its digest, as "<hex>.json" does.
std::optional<Digest> digest_of_name(std::string_view name) {
  std::string text;
  if (name.starts_with(kBlobs)) {
    text = name.substr(kBlobs.size());
    const size_t slash = text.find('/');
    if (slash != std::string::npos) text[slash] = ':';
  } else if (name.ends_with(".json")) {
    text = "sha256:" + std::string(name.substr(0, name.size() - std::string_view(".json").size()));
  }
  auto digest = Digest::parse(text);
  if (!digest) return std::nullopt;
  return std::move(*digest);
}

Error mismatch(const std::string& what, const Digest& wanted, const Digest& actual) {
  return corrupt(what + " is damaged: it should be " + wanted.text() + " but is " + actual.text());
}

Result<ArchivedImage> make_image(Digest id, std::string config_json, std::vector<ArchivedLayer> layers) {
  ImageConfig config = TRY(parse_config(config_json));
  if (config.diff_ids.size() != layers.size()) {
    return corrupt("the image configuration names " + std::to_string(config.diff_ids.size()) +
                   " layers, the manifest " + std::to_string(layers.size()));
  }
  if (!config.os.empty() && config.os != "linux")
    return unsupported("the image is for " + printable(config.os) + ", not for linux");
  return ArchivedImage{std::move(id), std::move(config_json), std::move(config), std::move(layers), {}};
}

Result<std::vector<Reference>> read_repo_tags(const JsonView& entry) {
  std::vector<Reference> tags;
  const auto names = TRY(entry.strings_or_empty("RepoTags"));
  for (const auto& name : names) {
    Reference tag = TRY_IN("'" + printable(name) + "'", Reference::parse_with_default_tag(name));
    if (tag.digest()) return invalid("the archive tags an image with a digest: '" + printable(name) + "'");
    tags.push_back(std::move(tag));
  }
  return tags;
}

Result<ArchivedImage> read_docker_image(Source& source, const JsonView& entry) {
  const JsonView config_view = TRY(entry.at("Config"));
  const std::string config_name = TRY(config_view.string());
  std::string config_json = TRY(source.read(config_name, kMaxConfigBytes));
  const auto wanted = digest_of_name(config_name);
  Digest id = TRY(digest_of(config_json, wanted ? wanted->algorithm() : DigestAlgorithm::kSha256));
  if (wanted && *wanted != id) return mismatch("the image configuration", *wanted, id);
  const auto names = TRY(entry.strings_or_empty("Layers"));
  std::vector<ArchivedLayer> layers;
  for (const auto& name : names)
    layers.push_back({name, digest_of_name(name), std::nullopt});
  ArchivedImage image = TRY(make_image(std::move(id), std::move(config_json), std::move(layers)));
  image.tags = TRY(read_repo_tags(entry));
  return image;
}

Result<std::vector<ArchivedImage>> read_docker_layout(Source& source) {
  const std::string text = TRY(source.read("manifest.json", kMaxManifestBytes));
  const Json document = TRY_IN("manifest.json", parse_json(text));
  const auto entries = TRY_IN("manifest.json", JsonView(document).elements());
  std::vector<ArchivedImage> images;
  for (const auto& entry : entries)
    images.push_back(TRY(read_docker_image(source, entry)));
  return images;
}

// A small blob whose size and digest are what the descriptor says.
Result<std::string> read_blob(Source& source, const Descriptor& descriptor, size_t limit) {
  const std::string name = blob_name(descriptor.digest);
  std::string bytes = TRY(source.read(name, limit));
  if (bytes.size() != descriptor.size) {
    return corrupt(name + " is damaged: it should have " + std::to_string(descriptor.size) +
                   " bytes but has " + std::to_string(bytes.size()));
  }
  const Digest actual = TRY(digest_of(bytes, descriptor.digest.algorithm()));
  if (actual != descriptor.digest) return mismatch(name, descriptor.digest, actual);
  return bytes;
}

bool is_config_type(std::string_view media_type) {
  return media_type.empty() || media_type == "application/vnd.oci.image.config.v1+json" ||
         media_type == "application/vnd.docker.container.image.v1+json";
}

Result<ArchivedImage> read_oci_image(Source& source, const Descriptor& descriptor) {
  std::string manifest_json = TRY(read_blob(source, descriptor, kMaxManifestBytes));
  const Manifest manifest = TRY(parse_manifest(manifest_json));
  if (!is_config_type(manifest.config.media_type)) {
    return unsupported("the archive holds no image but an artifact of type " +
                       printable(manifest.config.media_type));
  }
  std::string config_json = TRY(read_blob(source, manifest.config, kMaxConfigBytes));
  std::vector<ArchivedLayer> layers;
  for (const auto& layer : manifest.layers)
    layers.push_back({blob_name(layer.digest), layer.digest, layer.size, layer.media_type});
  ArchivedImage image = TRY(make_image(manifest.config.digest, std::move(config_json), std::move(layers)));
  image.manifest_json = std::move(manifest_json);
  image.manifest = descriptor.digest;
  return image;
}

// containerd's annotation is a whole reference; the OCI one may be a tag alone, which names nothing.
std::optional<Reference> annotated_name(const Descriptor& descriptor) {
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const auto annotation = descriptor.annotations.find(key);
    if (annotation == descriptor.annotations.end() || annotation->second == "latest") continue;
    auto name = Reference::parse_with_default_tag(annotation->second);
    if (name && !name->digest()) return std::move(*name);
  }
  return std::nullopt;
}

Result<Descriptor> resolve_index(Source& source, Descriptor descriptor, const Platform& wanted) {
  constexpr int kMaxNesting = 4;
  for (int i = 0; i < kMaxNesting; ++i) {
    if (!is_index_type(descriptor.media_type)) return descriptor;
    const std::string text = TRY(read_blob(source, descriptor, kMaxManifestBytes));
    const Index index = TRY(parse_index(text));
    descriptor = TRY(choose_platform(index, wanted));
  }
  return invalid("an image index in an image index in an image index");
}

// Several platforms of one image side by side in index.json: the wanted one.
std::vector<Descriptor> for_platform(const Index& index, const Platform& wanted) {
  std::vector<Descriptor> fitting;
  for (const auto& entry : index.manifests) {
    if (entry.platform && choose_platform(Index{{entry}}, wanted)) fitting.push_back(entry);
    if (!entry.platform) fitting.push_back(entry);
  }
  return fitting;
}

Result<std::vector<ArchivedImage>> read_oci_layout(Source& source, const Platform& wanted) {
  const std::string text = TRY(source.read("index.json", kMaxManifestBytes));
  const Index index = TRY_IN("index.json", parse_index(text));
  const auto entries = for_platform(index, wanted);
  // The error of choosing names the platforms that there are.
  if (entries.empty()) TRY(choose_platform(index, wanted));
  std::vector<ArchivedImage> images;
  for (const auto& entry : entries) {
    const Descriptor manifest = TRY(resolve_index(source, entry, wanted));
    ArchivedImage image = TRY(read_oci_image(source, manifest));
    if (auto name = annotated_name(entry)) image.tags.push_back(std::move(*name));
    images.push_back(std::move(image));
  }
  return images;
}

// An archive in both layouts: manifest.json has the names, index.json the manifests. What is wrong with the
// latter only loses them.
void add_manifests(Source& source, const Platform& wanted, std::vector<ArchivedImage>& images) {
  if (!source.has("index.json") || !source.has("oci-layout")) return;
  const auto others = read_oci_layout(source, wanted);
  if (!others) return;
  for (auto& image : images) {
    const auto other = std::find_if(others->begin(), others->end(),
                                    [&](const ArchivedImage& one) { return one.id == image.id; });
    if (other == others->end() || other->layers.size() != image.layers.size()) continue;
    image.manifest_json = other->manifest_json;
    image.manifest = other->manifest;
    for (size_t i = 0; i < image.layers.size(); ++i) {
      if (image.layers[i].digest == other->layers[i].digest)
        image.layers[i].media_type = other->layers[i].media_type;
    }
  }
}

// What says no platform, as a docker-archive, has the one of its configuration; asking for another one is an
// error, not a silent wrong image.
Result<void> check_platform(const std::vector<ArchivedImage>& images, const Platform& wanted) {
  for (const auto& image : images) {
    const ImageConfig& config = image.config;
    if (config.os == wanted.os && config.architecture == wanted.architecture) continue;
    return not_found("no image for platform " + printable(wanted.os + "/" + wanted.architecture) +
                     ", only for: " + printable(config.os + "/" + config.architecture));
  }
  return ok();
}

}  // namespace

std::string blob_name(const Digest& digest) {
  return std::string(kBlobs) + std::string(digest.algorithm_name()) + "/" + std::string(digest.hex());
}

Result<std::vector<ArchivedImage>> read_layout(Source& source, const std::optional<Platform>& wanted) {
  std::vector<ArchivedImage> images;
  if (source.has("manifest.json")) {
    images = TRY(read_docker_layout(source));
    add_manifests(source, wanted ? *wanted : host_platform(), images);
  } else if (source.has("index.json") && source.has("oci-layout")) {
    images = TRY(read_oci_layout(source, wanted ? *wanted : host_platform()));
  } else {
    return corrupt(
        "no image in it: neither manifest.json (docker save) nor index.json (OCI layout). A file system tree "
        "is "
        "imported with `vial import`");
  }
  if (wanted) TRY(check_platform(images, *wanted));
  return images;
}

}  // namespace image
