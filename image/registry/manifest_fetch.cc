#include "image/registry/manifest_fetch.h"

#include "base/strings.h"
#include "image/archive/hash.h"
#include "image/registry/documents.h"
#include "image/registry/fetch.h"
#include "image/registry/http_status.h"

namespace image::registry {

namespace {

constexpr size_t kMaxTagPages = 1000;
constexpr size_t kMaxTags = 100'000;

FetchRequest pull_request(const Reference& repository, const std::string& what) {
  FetchRequest request;
  request.path = repository.path() + what;
  request.scope = repository_scope(repository.path(), "pull");
  return request;
}

Error access_denied(const Reference& name, const Error& why) {
  return Error(why.kind(), "pull access denied for " + name.familiar_repository() +
                               ", repository does not exist or may require 'vial login': " + why.text());
}

Error manifest_error(const Reference& name, const Answer& answer) {
  const uint32_t status = answer.head.status;
  Error error = status_error(answer.url, status, answer.body);
  if (status == http::kUnauthorized || status == http::kForbidden) return access_denied(name, error);
  if (status == http::kNotFound) {
    const std::string& reason = error.text();
    if (parse_server_error(answer.body).code == "NAME_UNKNOWN")
      return not_found("repository " + name.familiar_repository() + " not found: " + reason);
    return not_found("manifest for " + name.familiar() + " not found: " + reason);
  }
  return std::move(error).in("manifest for " + name.familiar());
}

Result<Answer> get_manifest(Remote& remote, const Reference& name) {
  const std::string which = name.digest() ? name.digest()->text() : name.tag();
  FetchRequest request = pull_request(name, "/manifests/" + which);
  request.headers.push_back({"Accept", kManifestTypes});
  auto answer = fetch(remote, request, kMaxManifestBytes);
  if (!answer && answer.error().text().starts_with("unauthorized"))
    return access_denied(name, answer.error());
  if (!answer) return answer;
  if (answer->head.status != http::kOk) return manifest_error(name, *answer);
  return answer;
}

Result<void> expect_digest(std::string_view bytes, const Digest& wanted, const std::string& what) {
  const Digest found = TRY(digest_of(bytes, wanted.algorithm()));
  if (found == wanted) return ok();
  return corrupt(what + ": the registry sent something else: it should be " + wanted.text() + " but is " +
                 found.text());
}

Result<void> check_parts(const Manifest& manifest) {
  if (!is_config_type(manifest.config.media_type)) {
    return unsupported("it is not a container image: its configuration is a '" +
                       printable(manifest.config.media_type) + "'");
  }
  for (const auto& layer : manifest.layers) {
    if (!is_layer_type(layer.media_type))
      return unsupported("it has a layer of an unknown kind: '" + printable(layer.media_type) + "'");
  }
  if (manifest.layers.size() > kMaxLayers)
    return invalid("it has more than " + std::to_string(kMaxLayers) + " layers");
  return ok();
}

}  // namespace

std::string repository_scope(const std::string& path, const char* actions) {
  return "repository:" + path + ":" + actions;
}

Result<Document> fetch_manifest(Remote& remote, const Reference& reference) {
  Answer answer = TRY(get_manifest(remote, reference));
  if (reference.digest()) TRY(expect_digest(answer.body, *reference.digest(), reference.familiar()));
  // A header that lies about its own document is a broken or a hostile server's.
  const std::string said = answer.head.header("docker-content-digest");
  if (!said.empty()) {
    const Digest digest = TRY_IN("header Docker-Content-Digest", Digest::parse(said));
    TRY(expect_digest(answer.body, digest, reference.familiar() + ": header Docker-Content-Digest"));
  }
  Document document = TRY_IN(reference.familiar(),
                             read_document(std::move(answer.body), answer.head.header("content-type"), {}));
  if (reference.digest()) document.digest = *reference.digest();
  return document;
}

Result<Document> fetch_described(Remote& remote, const Reference& repository, const Descriptor& described) {
  const Reference name = repository.with_digest(described.digest);
  Answer answer = TRY(get_manifest(remote, name));
  if (answer.body.size() != described.size) {
    return corrupt(name.familiar() + ": the index says " + std::to_string(described.size) +
                   " bytes but the registry sent " + std::to_string(answer.body.size()));
  }
  TRY(expect_digest(answer.body, described.digest, name.familiar()));
  return TRY_IN(name.familiar(),
                read_document(std::move(answer.body), answer.head.header("content-type"), described));
}

Result<std::string> fetch_small_blob(Remote& remote, const Reference& repository,
                                     const Descriptor& described) {
  const std::string what = "blob " + described.digest.text();
  if (described.size > kMaxSmallAnswer) return invalid(what + ": is larger than 4 MiB");
  const FetchRequest request = pull_request(repository, "/blobs/" + described.digest.text());
  // One byte more shows that there is more.
  Answer answer = TRY_IN(what, fetch(remote, request, described.size));
  if (answer.head.status != http::kOk)
    return status_error(answer.url, answer.head.status, answer.body).in(what);
  if (answer.body.size() != described.size) {
    return corrupt(what + ": should have " + std::to_string(described.size) + " bytes but has " +
                   std::to_string(answer.body.size()));
  }
  TRY(expect_digest(answer.body, described.digest, what));
  return std::move(answer.body);
}

Result<std::vector<std::string>> fetch_tags(Remote& remote, const Reference& repository) {
  FetchRequest request = pull_request(repository, "/tags/list");
  std::vector<std::string> all;
  for (size_t page = 0; page < kMaxTagPages; ++page) {
    const Answer answer = TRY(fetch(remote, request));
    if (answer.head.status != http::kOk) {
      return status_error(answer.url, answer.head.status, answer.body)
          .in("tags of " + repository.familiar_repository());
    }
    const auto tags = TRY(parse_tags(answer.body));
    for (const auto& tag : tags) {
      if (!is_valid_tag(tag)) return corrupt("list of tags: '" + printable(tag) + "' can be none");
      all.push_back(tag);
    }
    if (all.size() > kMaxTags) return invalid("list of tags: too long");
    const auto next = next_page(answer.head.header("link"));
    if (!next) return all;
    request.url = TRY(resolve_url(answer.url, *next));
  }
  return invalid("list of tags: too many pages");
}

Result<RemoteImage> fetch_image(Remote& remote, const Reference& reference, const Platform& platform) {
  Document top = TRY(fetch_manifest(remote, reference));
  Document manifest = top;
  if (top.index) {
    const Descriptor chosen = TRY_IN(reference.familiar(), choose_platform(*top.index, platform));
    if (!is_manifest_type(chosen.media_type)) {
      return unsupported(reference.familiar() + ": the index leads to a '" + printable(chosen.media_type) +
                         "', which is no image manifest");
    }
    manifest = TRY(fetch_described(remote, reference, chosen));
  }
  if (!manifest.manifest) return corrupt(reference.familiar() + ": an index leads to another index");
  TRY_IN(reference.familiar(), check_parts(*manifest.manifest));
  std::string config_json = TRY(fetch_small_blob(remote, reference, manifest.manifest->config));
  ImageConfig config = TRY_IN("configuration of " + reference.familiar(), parse_config(config_json));
  if (config.diff_ids.size() != manifest.manifest->layers.size()) {
    return corrupt(reference.familiar() + ": the manifest has " +
                   std::to_string(manifest.manifest->layers.size()) + " layers, the configuration " +
                   std::to_string(config.diff_ids.size()));
  }
  return RemoteImage{std::move(top), std::move(manifest), std::move(config_json), std::move(config)};
}

}  // namespace image::registry
