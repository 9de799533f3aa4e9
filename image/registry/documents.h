// The small documents of the registry API, parsed from bytes that came from outside: errors, tags, catalog,
// search results, Link headers; and manifests with the check that type, content and descriptor agree. Pure.
// Source: OCI distribution-spec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/descriptor.h"

namespace image::registry {

struct ServerError {
  std::string code;     // "MANIFEST_UNKNOWN"; empty when the body said nothing that could be read
  std::string message;  // printable
};
// The first of `errors`; what is no such document gives an empty one.
ServerError parse_server_error(std::string_view body);

// Errors: kCorrupt, kInvalid.
Result<std::vector<std::string>> parse_tags(std::string_view body);
Result<std::vector<std::string>> parse_catalog(std::string_view body);

struct SearchResult {
  std::string name;
  std::string description;
  int64_t stars = 0;
  bool is_official = false;
  bool is_automated = false;
};
Result<std::vector<SearchResult>> parse_search(std::string_view body);

// The target of `<...>; rel="next"` in a Link header (RFC 8288); nullopt: the last page.
std::optional<std::string> next_page(std::string_view link);

// A manifest or an index as a registry gave it.
struct Document {
  std::string bytes;
  std::string media_type;
  Digest digest;
  std::optional<Index> index;  // one of the two is there
  std::optional<Manifest> manifest;
};
// `content_type` is the header's value and `described` what a descriptor said of it, if one led here. Errors:
// kUnsupported for schema 1 and for what is no image, kCorrupt and kInvalid when header, document and
// descriptor do not agree (CVE-2021-41190) or a member is wrong.
Result<Document> read_document(std::string bytes, std::string_view content_type,
                               const std::optional<Descriptor>& described);

// The media types of an image's parts; anything else is an artifact that can't be run.
bool is_config_type(std::string_view media_type);
bool is_layer_type(std::string_view media_type);
// What is asked for: "Accept" of a manifest request.
extern const char* const kManifestTypes;

}  // namespace image::registry
