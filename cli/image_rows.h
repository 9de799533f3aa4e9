// What `images` and `image inspect` say about an image. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/listing.h"
#include "image/store.h"

namespace cli {

struct ImageRowDetails {
  int64_t now_ns = 0;
  bool truncate = true;
  bool digests = false;  // a row for each digest, too
};

// One row for each tag; "<none>" for what has no name.
std::vector<Json> image_rows(const image::Image& image, const ImageRowDetails& details);
ListFormat image_list_format(bool with_digests);

// True if `pattern` (busybox, busybox:1.*, host/*:tag) means one of the row's names; shell patterns, as
// `docker images` takes them.
bool image_row_matches(const Json& row, const std::string& pattern);

// The object that `docker image inspect` prints. `config_json` is the image's configuration, byte for byte.
Result<Json> inspect_image(const image::Store& store, const image::Image& image,
                           const std::string& config_json);

}  // namespace cli
