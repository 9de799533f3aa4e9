// OCI descriptors, manifests and indexes (image-spec descriptor.md, manifest.md, image-index.md) and their
// Docker schema 2 twins, parsed strictly from bytes that came from outside. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "image/digest.h"

namespace image {

inline constexpr size_t kMaxManifestBytes = 4U << 20U;

struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;
};

struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size = 0;
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;
};

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;
};

struct Index {
  std::vector<Descriptor> manifests;
};

bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);

Result<Descriptor> read_descriptor(const JsonView& view);
// Errors: kCorrupt when it is not JSON, kInvalid for wrong members; a document that is both a manifest and an
// index is refused (CVE-2021-41190).
Result<Manifest> parse_manifest(std::string_view bytes);
Result<Index> parse_index(std::string_view bytes);

// This machine in OCI's words: linux/amd64.
Platform host_platform();
// "os/arch" or "os/arch/variant" and back. kInvalid.
Result<Platform> parse_platform(const std::string& text);
std::string platform_text(const Platform& platform);
// The same system and architecture, and no other variant.
bool fits(const Platform& offered, const Platform& wanted);
// The manifest of an index for a platform: attestations (platform unknown/unknown) are passed over; an entry
// without a platform fits when there is no other. kNotFound names the platforms that there are.
Result<Descriptor> choose_platform(const Index& index, const Platform& wanted);

}  // namespace image
