// What lists print: Docker's tables, `--format` in its four forms, quiet. A row is a JSON object of words.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cli {

// Lines of cells separated by tabs -> columns: a cell is as wide as its column's longest plus three blanks
// and at least ten, the last cell of a line is as it is. Go's tabwriter as Docker sets it up.
std::string align_columns(std::string_view tabbed);

// A list command's ways to print.
struct ListFormat {
  std::string table;  // the default table as a template: "{{.ID}}\t{{.Names}}"
  Json headers;       // key -> header: {"ID": "CONTAINER ID"}; every key that rows have
  // Keys that `--format json` leaves out: they exist for templates only.
  std::vector<std::string> template_only;
};

// The text of the rows by `format`: "" or "table" (the default table), "table TEMPLATE", "json" (an object a
// line), or a template (a line for each row). kInvalid for a bad template, with exit code 64 in Docker;
// here 1.
Result<std::string> render_list(const ListFormat& how, const std::string& format,
                                const std::vector<Json>& rows);

// Output of a template or of JSON: unchanged into a file or a pipe, with control characters escaped (newline
// and tab stay) on a terminal.
std::string safe_for_stdout(const std::string& text);

// `length` characters of `text`, the last one an ellipsis if it is longer (Docker's Ellipsis).
std::string shorten(std::string_view text, size_t length);

// One --filter, "key=value".
struct Filter {
  std::string key;
  std::string value;
};
// kInvalid with Docker's reason for a word that is no "name=value".
Result<void> check_filter(const std::string& word);
Result<std::vector<Filter>> parse_filters(const std::vector<std::string>& words);
// True if `value` is one of the values asked for by `key`, or if `key` was not asked for.
template <typename Matches>
bool passes(const std::vector<Filter>& filters, std::string_view key, const Matches& matches) {
  bool asked = false;
  for (const auto& filter : filters) {
    if (filter.key != key) continue;
    if (matches(filter.value)) return true;
    asked = true;
  }
  return !asked;
}

// The filter label=KEY or label=KEY=VALUE, `wanted` being what is behind "label=".
bool label_matches(const std::map<std::string, std::string>& labels, const std::string& wanted);

}  // namespace cli
