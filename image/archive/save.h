// `save`: images as one tar in both layouts, OCI (index.json) and docker-archive (manifest.json), over the
// same blobs, as docker save writes it since version 25. Every tool reads it. Nothing is packed anew: layers
// go out as they came, so that digests stay, and the same images give the same bytes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/store.h"

namespace image {

// `names`: NAME:TAG (that tag), NAME (all tags of the repository) or an id (no tag). Written to `fd`, which
// is borrowed. All must be for `platform` (empty: any). Errors: kNotFound, kCorrupt, kSystem; what was
// written by then is no archive.
Result<void> save(const Store& store, const std::vector<std::string>& names, int fd,
                  const std::string& platform = "");

}  // namespace image
