// `manifest inspect`: what a registry has under a name, without pulling it.
#include "image/registry/manifest_fetch.h"

#include "base/json.h"
#include "base/strings.h"
#include "cli/image/handlers.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "image/registry/pull.h"

namespace cli {

namespace {

using image::registry::Document;
using image::registry::Remote;

// Docker's --verbose: the name, the descriptor with its platform, the manifest.
Json verbose(const image::Reference& reference, const Document& document,
             const std::optional<image::Platform>& platform, const Json& content) {
  Json descriptor = {{"mediaType", document.media_type},
                     {"digest", document.digest.text()},
                     {"size", document.bytes.size()}};
  if (platform) {
    descriptor["platform"] = {{"architecture", platform->architecture}, {"os", platform->os}};
    if (!platform->variant.empty()) descriptor["platform"]["variant"] = platform->variant;
  }
  const bool is_oci = document.media_type.find(".oci.") != std::string::npos;
  return {{"Ref", reference.text()},
          {"Descriptor", std::move(descriptor)},
          {is_oci ? "OCIManifest" : "SchemaV2Manifest", content}};
}

Result<Json> inspect_verbosely(Remote& remote, const image::Reference& reference, const Document& top) {
  if (!top.index) {
    const std::string config_json =
        TRY(image::registry::fetch_small_blob(remote, reference, top.manifest->config));
    const image::ImageConfig config = TRY(image::parse_config(config_json));
    const Json content = TRY(parse_json(top.bytes));
    return verbose(reference, top, image::Platform{config.os, config.architecture, config.variant}, content);
  }
  Json list = Json::array();
  for (const auto& entry : top.index->manifests) {
    const Document manifest = TRY(image::registry::fetch_described(remote, reference, entry));
    const Json content = TRY(parse_json(manifest.bytes));
    list.push_back(verbose(reference.with_digest(entry.digest), manifest, entry.platform, content));
  }
  return list;
}

}  // namespace

Result<int> inspect_manifest(const Invocation& call) {
  const auto reference = TRY(image::Reference::parse_with_default_tag(call.arguments().back()));
  auto settings = TRY(image::registry::read_settings());
  if (call.options.flag("insecure")) settings.insecure.push_back(reference.domain());
  auto client = TRY(image::registry::HttpClient::start(settings));
  auto credentials = TRY(image::registry::find_credentials(reference));
  Remote remote = TRY(
      Remote::make(client, settings, image::registry::api_host(reference.domain()), std::move(credentials)));
  const Document top = TRY(image::registry::fetch_manifest(remote, reference));
  constexpr int kIndent = 4;
  if (call.options.flag("verbose")) {
    const Json document = TRY(inspect_verbosely(remote, reference, top));
    print(safe_for_stdout(dump_json(document, kIndent)) + "\n");
    return 0;
  }
  const Json document = TRY(parse_json(top.bytes));
  print(safe_for_stdout(dump_json(document, kIndent)) + "\n");
  return 0;
}

}  // namespace cli
