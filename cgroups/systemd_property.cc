// Annotations of a container as properties of its scope. Source: runc's docs/systemd.md; GVariant text
// format.
#include <algorithm>

#include "base/strings.h"
#include "cgroups/systemd_scope.h"

namespace cgroups {
namespace {

constexpr std::string_view kPrefix = "org.systemd.property.";

bool is_property_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return name.size() > 2 && name.front() >= 'A' && name.front() <= 'Z' &&
         std::all_of(name.begin(), name.end(), is_letter);
}

// 'text' or "text", with \ in front of what would end it.
Result<std::string> quoted_text(std::string_view text) {
  const Error wrong = invalid("'" + printable(text) + "' is no quoted text");
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"')) return wrong;
  std::string plain;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == text.front()) return i + 1 == text.size() ? Result<std::string>(plain) : wrong;
    if (text[i] == '\\' && ++i == text.size()) return wrong;
    plain += text[i];
  }
  return wrong;
}

// What stands between [ and ]: texts with commas between them.
Result<std::vector<std::string>> quoted_texts(std::string_view text) {
  std::vector<std::string> values;
  for (std::string_view rest = trim(text); !rest.empty();) {
    size_t end = 1;
    while (end < rest.size() && rest[end] != rest.front())
      end += rest[end] == '\\' ? 2U : 1U;
    values.push_back(TRY(quoted_text(rest.substr(0, end + 1))));
    rest = trim(rest.substr(std::min(rest.size(), end + 1)));
    if (rest.empty()) break;
    if (rest.front() != ',' || trim(rest.substr(1)).empty())
      return invalid("'" + printable(text) + "' is no list of quoted texts");
    rest = trim(rest.substr(1));
  }
  return values;
}

template <typename T>
Result<BusValue> number_of(std::string_view text, int64_t least, uint64_t most) {
  const Error wrong = invalid(printable(text) + " is out of range");
  if (text.starts_with('-')) {
    const int64_t number = TRY(parse_int(text));
    return number < least ? Result<BusValue>(wrong) : BusValue(static_cast<T>(number));
  }
  const uint64_t number = TRY(parse_uint(text));
  return number > most ? Result<BusValue>(wrong) : BusValue(static_cast<T>(number));
}

Result<BusValue> value_of(std::string_view text) {
  if (text == "true" || text == "false") return BusValue(text == "true");
  if (text.starts_with('[') && text.ends_with(']'))
    return BusValue(TRY(quoted_texts(text.substr(1, text.size() - 2))));
  if (text.starts_with('\'') || text.starts_with('"')) return BusValue(TRY(quoted_text(text)));
  const size_t blank = text.find(' ');
  const std::string_view type = blank == std::string_view::npos ? "int32" : text.substr(0, blank);
  const std::string_view number = blank == std::string_view::npos ? text : trim(text.substr(blank));
  if (type == "int32") return number_of<int32_t>(number, INT32_MIN, INT32_MAX);
  if (type == "uint32") return number_of<uint32_t>(number, 0, UINT32_MAX);
  if (type == "uint64") return number_of<uint64_t>(number, 0, UINT64_MAX);
  return invalid("type '" + printable(type) + "' is none of int32, uint32 and uint64");
}

}  // namespace

Result<std::vector<UnitProperty>> unit_properties(const std::map<std::string, std::string>& annotations) {
  std::vector<UnitProperty> properties;
  for (const auto& [key, text] : annotations) {
    if (!key.starts_with(kPrefix)) continue;
    const std::string what = "annotation " + printable(key);
    const std::string name = key.substr(kPrefix.size());
    if (!is_property_name(name)) return invalid(what + ": not the name of a systemd property");
    properties.push_back({name, TRY_IN(what, value_of(trim(text)))});
  }
  return properties;
}

}  // namespace cgroups
