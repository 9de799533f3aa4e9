// What images an archive holds: the docker-archive layout (manifest.json; docker save, podman save, skopeo)
// and the OCI layout (index.json), as a tar or a directory. Docker writes both into one tar since version 25.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/source.h"
#include "image/config.h"
#include "image/descriptor.h"
#include "image/digest.h"
#include "image/reference.h"

namespace image {

struct ArchivedLayer {
  std::string name;  // in the source
  // What the bytes in the archive must be; docker-archives of old don't say it.
  std::optional<Digest> digest;
  std::optional<uint64_t> size;
  std::string media_type = {};  // empty: the archive does not say
};

struct ArchivedImage {
  Digest id;
  std::string config_json;
  ImageConfig config;
  std::vector<ArchivedLayer> layers;  // as many as config.diff_ids
  std::vector<Reference> tags;
  std::string manifest_json = {};  // byte for byte; empty: the archive has none
  std::optional<Digest> manifest = {};
};

// Of an image for several platforms the one that is `wanted`, else the one for this machine.
// Errors: kCorrupt (missing or damaged parts, wrong digests or sizes), kInvalid (wrong contents), kNotFound
// (no image for this machine), kUnsupported (not an image).
Result<std::vector<ArchivedImage>> read_layout(Source& source, const std::optional<Platform>& wanted = {});

// Where both layouts keep a blob: "blobs/sha256/HEX" (OCI image-layout, "Blobs").
std::string blob_name(const Digest& digest);

}  // namespace image
