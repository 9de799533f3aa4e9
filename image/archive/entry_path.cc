#include "image/archive/entry_path.h"

#include "base/strings.h"

namespace image {

namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kAufs = ".wh..wh.";
constexpr std::string_view kOpaqueMark = ".wh..wh..opq";

}  // namespace

Result<EntryPath> parse_entry_path(std::string_view name, const Limits& limits) {
  if (name.size() > limits.max_path)
    return invalid("a name of " + std::to_string(name.size()) + " bytes is longer than any path can be");
  if (name.empty()) return invalid("an entry has no name");
  if (name.find('\0') != std::string_view::npos) return invalid("a name has a NUL byte");
  EntryPath path;
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return invalid("'" + printable(name) + "' leads out of the layer with \"..\"");
    if (part.size() > limits.max_component)
      return invalid("a name has a part of " + std::to_string(part.size()) + " bytes");
    if (path.size() == limits.max_depth)
      return invalid("a name is more than " + std::to_string(limits.max_depth) + " directories deep");
    path.emplace_back(part);
  }
  return path;
}

std::string entry_path_text(const EntryPath& path) {
  return "/" + join(path, "/");
}

Result<EntryKind> classify_entry(EntryPath& path) {
  for (size_t i = 0; i < path.size(); ++i) {
    const std::string_view part = path[i];
    if (!part.starts_with(kWhiteout)) continue;
    const bool last = i + 1 == path.size();
    if (last && part == kOpaqueMark) {
      path.pop_back();
      return EntryKind::kOpaque;
    }
    if (part.starts_with(kAufs)) return EntryKind::kIgnored;
    const std::string hidden(part.substr(kWhiteout.size()));
    if (!last || hidden.empty() || hidden == "." || hidden == "..")
      return invalid("'" + printable(entry_path_text(path)) + "' is not a valid whiteout");
    path[i] = hidden;
    return EntryKind::kWhiteout;
  }
  return EntryKind::kPlain;
}

}  // namespace image
