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

constexpr size_t kIndent = 4;

// The same JSON, one member a line, in the order that it has: of a document that parse_json() took.
std::string indented(std::string_view json) {
  std::string result;
  size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] { result += "\n" + std::string(depth * kIndent, ' '); };
  for (size_t i = 0; i < json.size(); ++i) {
    const char letter = json[i];
    if (in_string) {
      result += letter;
      if (letter == '\\' && i + 1 < json.size()) result += json[++i];
      in_string = letter != '"';
      continue;
    }
    const bool opens = letter == '{' || letter == '[';
    const bool closes = letter == '}' || letter == ']';
    if (letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n') continue;
    const bool was_opened = !result.empty() && (result.back() == '{' || result.back() == '[');
    if (closes) --depth;
    if (closes ? !was_opened : was_opened) new_line();
    result += letter;
    in_string = letter == '"';
    if (opens) ++depth;
    if (letter == ',') new_line();
    if (letter == ':') result += ' ';
  }
  return result;
}

// Docker's --verbose: the name, the descriptor with its platform, the manifest as it came.
std::string verbose(const image::Reference& reference, const Document& document,
                    const std::optional<image::Platform>& platform) {
  std::string where;
  if (platform) {
    Json shown = {{"architecture", platform->architecture}, {"os", platform->os}};
    if (!platform->variant.empty()) shown["variant"] = platform->variant;
    where = ",\"platform\":" + dump_json(shown);
  }
  const bool is_oci = document.media_type.find(".oci.") != std::string::npos;
  return "{\"Ref\":" + dump_json(reference.text()) +
         ",\"Descriptor\":{\"mediaType\":" + dump_json(document.media_type) + ",\"digest\":\"" +
         document.digest.text() + "\",\"size\":" + std::to_string(document.bytes.size()) + where + "}," +
         (is_oci ? "\"OCIManifest\":" : "\"SchemaV2Manifest\":") + document.bytes + "}";
}

Result<std::string> inspect_verbosely(Remote& remote, const image::Reference& reference,
                                      const Document& top) {
  if (!top.index) {
    const std::string config_json =
        TRY(image::registry::fetch_small_blob(remote, reference, top.manifest->config));
    const image::ImageConfig config = TRY(image::parse_config(config_json));
    return verbose(reference, top, image::Platform{config.os, config.architecture, config.variant});
  }
  std::string list;
  for (const auto& entry : top.index->manifests) {
    const Document manifest = TRY(image::registry::fetch_described(remote, reference, entry));
    list +=
        (list.empty() ? "[" : ",") + verbose(reference.with_digest(entry.digest), manifest, entry.platform);
  }
  return (list.empty() ? "[" : list) + "]";
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
  std::string text = top.bytes;
  if (call.options.flag("verbose")) text = TRY(inspect_verbosely(remote, reference, top));
  print(safe_for_stdout(indented(text)) + "\n");
  return 0;
}

}  // namespace cli
