#include "cli/listing.h"

#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/output.h"
#include "cli/template.h"

namespace cli {

namespace {

bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
}

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Tables are read by people: nothing that a container named may draw on the terminal.
Json printable_row(const Json& row) {
  Json result = row;
  for (auto& member : result) {
    if (member.is_string()) member = printable(member.get_ref<const std::string&>());
  }
  return result;
}

Result<std::string> render_table(const Template& line, const Json& headers, const std::vector<Json>& rows) {
  std::string text = TRY(line.render_header(headers));
  text += "\n";
  for (const auto& row : rows) {
    const std::string cells = TRY(line.render(printable_row(row)));
    text += cells + "\n";
  }
  return align_columns(text);
}

Result<std::string> render_lines(const Template& line, const std::vector<Json>& rows) {
  std::string text;
  for (const auto& row : rows) {
    const std::string one = TRY(line.render(row));
    text += one + "\n";
  }
  return safe_for_stdout(text);
}

std::string json_lines(const ListFormat& how, const std::vector<Json>& rows) {
  std::string text;
  for (Json row : rows) {
    for (const auto& key : how.template_only)
      row.erase(key);
    text += dump_json(row) + "\n";
  }
  return safe_for_stdout(text);
}

}  // namespace

std::string align_columns(std::string_view tabbed) {
  constexpr size_t kGap = 3;
  constexpr size_t kLeast = 10;
  std::vector<std::vector<std::string>> lines;
  std::vector<size_t> widths;
  for (const auto& line : split(tabbed, '\n')) {
    lines.push_back(split(line, '\t'));
    const auto& cells = lines.back();
    if (cells.size() > widths.size()) widths.resize(cells.size(), kLeast);
    for (size_t i = 0; i + 1 < cells.size(); ++i)
      widths[i] = std::max(widths[i], characters(cells[i]) + kGap);
  }
  std::string text;
  for (size_t n = 0; n < lines.size(); ++n) {
    const auto& cells = lines[n];
    for (size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 < cells.size()) text.append(widths[i] - characters(cells[i]), ' ');
    }
    if (n + 1 < lines.size()) text += '\n';
  }
  return text;
}

Result<std::string> render_list(const ListFormat& how, const std::string& format,
                                const std::vector<Json>& rows) {
  if (format == "json") return json_lines(how, rows);
  // A shell passes '{{.ID}}\t{{.Names}}' with a backslash and a t: Docker means a tab by it.
  const std::string text = replace_all(replace_all(format, "\\t", "\t"), "\\n", "\n");
  const bool is_default = text.empty() || text == "table";
  if (is_default || text.starts_with("table ")) {
    const Template line = TRY(Template::parse(is_default ? how.table : text.substr(6)));
    return render_table(line, how.headers, rows);
  }
  const Template line = TRY(Template::parse(text));
  return render_lines(line, rows);
}

std::string safe_for_stdout(const std::string& text) {
  if (::isatty(STDOUT_FILENO) != 1) return text;
  std::vector<std::string> lines = split(text, '\n');
  for (auto& line : lines) {
    std::vector<std::string> cells = split(line, '\t');
    for (auto& cell : cells)
      cell = printable(cell);
    line = join(cells, "\t");
  }
  return join(lines, "\n");
}

std::string shorten(std::string_view text, size_t length) {
  if (characters(text) <= length) return std::string(text);
  size_t kept = 0;
  size_t bytes = 0;
  while (bytes < text.size() && kept < length) {
    if (begins_character(text[bytes])) ++kept;
    if (kept < length) ++bytes;
  }
  while (bytes < text.size() && !begins_character(text[bytes]))
    ++bytes;
  return std::string(text.substr(0, bytes)) + "…";
}

Result<void> check_filter(const std::string& word) {
  if (contains(word, "=")) return ok();
  return invalid("bad format of filter (expected name=value)");
}

Result<std::vector<Filter>> parse_filters(const std::vector<std::string>& words) {
  std::vector<Filter> filters;
  for (const auto& word : words) {
    TRY(check_filter(word));
    const size_t equals = word.find('=');
    filters.push_back({to_lower(trim(std::string_view(word).substr(0, equals))),
                       std::string(trim(std::string_view(word).substr(equals + 1)))});
  }
  return filters;
}

bool label_matches(const std::map<std::string, std::string>& labels, const std::string& wanted) {
  const size_t equals = wanted.find('=');
  const auto found = labels.find(wanted.substr(0, equals));
  if (found == labels.end()) return false;
  return equals == std::string::npos || found->second == wanted.substr(equals + 1);
}

}  // namespace cli
