// Owns what archive_read_new(3) returns.
#pragma once

#include <archive.h>

#include <memory>

namespace image {

struct FreeArchive {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};
using ArchivePtr = std::unique_ptr<archive, FreeArchive>;

}  // namespace image
