// Names of archive entries as lists of plain components. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/archive/limits.h"

namespace image {

using EntryPath = std::vector<std::string>;  // empty: the root

// "./a//b/", "/a/b" and "a/b" are {"a", "b"}. kInvalid for "..", NUL bytes, and what is longer or deeper than
// the limits.
Result<EntryPath> parse_entry_path(std::string_view name, const Limits& limits);
// "/a/b", for messages and reports.
std::string entry_path_text(const EntryPath& path);

// OCI image-spec layer.md, "Whiteouts".
enum class EntryKind {
  kPlain,
  kWhiteout,  // .wh.NAME
  kOpaque,    // .wh..wh..opq
  kIgnored,   // .wh..wh.*: bookkeeping of AUFS
};
// Replaces the last component of a whiteout by the name it hides, and drops that of an opaque mark. kInvalid
// for
// ".wh.", ".wh..", ".wh..." and for ".wh.NAME" as a directory in the middle of a path.
Result<EntryKind> classify_entry(EntryPath& path);

}  // namespace image
