// `search`: docker's options, filters and columns.
#include "image/registry/search.h"

#include "base/strings.h"
#include "cli/image/handlers.h"
#include "cli/listing.h"
#include "cli/output.h"

namespace cli {

namespace {

constexpr int64_t kDefaultLimit = 25;
constexpr int64_t kMaxLimit = 100;
constexpr size_t kDescriptionWidth = 45;

ListFormat search_format() {
  ListFormat how;
  how.table = "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";
  how.headers = {{"Name", "NAME"},
                 {"Description", "DESCRIPTION"},
                 {"StarCount", "STARS"},
                 {"IsOfficial", "OFFICIAL"},
                 {"IsAutomated", "AUTOMATED"}};
  return how;
}

Result<bool> read_truth(const Filter& filter) {
  if (filter.value == "true" || filter.value == "1") return true;
  if (filter.value == "false" || filter.value == "0") return false;
  return invalid("invalid filter '" + filter.key + "=" + printable(filter.value) + "'");
}

Result<bool> search_passes(const std::vector<Filter>& filters, const image::registry::SearchResult& result) {
  for (const auto& filter : filters) {
    if (filter.key == "stars") {
      const int64_t stars = TRY_IN("invalid filter 'stars'", parse_int(filter.value));
      if (result.stars < stars) return false;
    } else if (filter.key == "is-official" || filter.key == "is-automated") {
      const bool wanted = TRY(read_truth(filter));
      if (wanted != (filter.key == "is-official" ? result.is_official : result.is_automated)) return false;
    } else {
      return invalid("invalid filter '" + printable(filter.key) + "'");
    }
  }
  return true;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return printable(text);
}

}  // namespace

Result<int> search_images(const Invocation& call) {
  const int64_t limit = call.options.integer("limit").value_or(kDefaultLimit);
  if (limit < 1 || limit > kMaxLimit)
    return invalid("limit " + std::to_string(limit) + " is outside the range of [1, " +
                   std::to_string(kMaxLimit) + "]");
  const auto filters = TRY(parse_filters(call.options.list("filter")));
  TRY(search_passes(filters, {}));  // wrong filters are told before the network is asked
  const auto settings = TRY(image::registry::read_settings());
  const auto found =
      TRY(image::registry::search(call.arguments().front(), static_cast<uint64_t>(limit), settings));
  std::vector<Json> rows;
  for (const auto& result : found) {
    const bool wanted = TRY(search_passes(filters, result));
    if (!wanted) continue;
    const std::string description = one_line(result.description);
    const bool whole = call.options.flag("no-trunc");
    rows.push_back({{"Name", printable(result.name)},
                    {"Description", whole ? description : shorten(description, kDescriptionWidth)},
                    {"StarCount", std::to_string(result.stars)},
                    {"IsOfficial", result.is_official ? "[OK]" : ""},
                    {"IsAutomated", result.is_automated ? "[OK]" : ""}});
  }
  print(TRY(render_list(search_format(), call.options.string("format"), rows)));
  return 0;
}

}  // namespace cli
