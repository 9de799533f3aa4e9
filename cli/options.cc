#include "cli/options.h"

#include <cassert>
#include <charconv>

#include "base/strings.h"
#include "base/units.h"

namespace cli {

namespace {

// The spellings that Go's strconv.ParseBool takes, and so `docker --rm=T`.
std::optional<bool> parse_bool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

// "1.5" -> 1500000000. No exponent, no sign; more than nine decimals are refused, as Docker does for --cpus.
std::optional<int64_t> parse_billionths(std::string_view text) {
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string decimals = point == std::string_view::npos ? "" : std::string(text.substr(point + 1));
  if (decimals.size() > 9 || (whole.empty() && decimals.empty())) return std::nullopt;
  decimals.resize(9, '0');
  const auto units = whole.empty() ? Result<uint64_t>(0) : parse_uint(whole);
  const auto parts = parse_uint(decimals);
  if (!units || !parts || *units > 9'000'000'000) return std::nullopt;
  return static_cast<int64_t>(*units * 1'000'000'000 + *parts);
}

// Why `text` is no value of this kind, in the words of Docker's parser; empty when it is one.
std::string complaint(OptionKind kind, const std::string& text) {
  switch (kind) {
    case OptionKind::kFlag:
      return parse_bool(text) ? "" : "strconv.ParseBool: parsing \"" + printable(text) + "\": invalid syntax";
    case OptionKind::kInt:
      return parse_int(text) ? "" : "strconv.ParseInt: parsing \"" + printable(text) + "\": invalid syntax";
    case OptionKind::kSizeOrUnlimited:
      if (text == "-1") return "";
      [[fallthrough]];
    case OptionKind::kSize: {
      const auto size = parse_size(text);
      return size ? "" : size.error().text();
    }
    case OptionKind::kDecimal:
      return parse_billionths(text) ? "" : "failed to parse \"" + printable(text) + "\" as a rational number";
    case OptionKind::kDuration: {
      const auto duration = parse_duration(text);
      return duration ? "" : duration.error().text();
    }
    case OptionKind::kString:
    case OptionKind::kList:
      return "";
  }
  return "";
}

}  // namespace

std::string value_name(const OptionSpec& option) {
  if (option.value != nullptr) return option.value;
  switch (option.kind) {
    case OptionKind::kFlag:
      return "";
    case OptionKind::kString:
      return "string";
    case OptionKind::kList:
      return "list";
    case OptionKind::kInt:
      return "int";
    case OptionKind::kSize:
    case OptionKind::kSizeOrUnlimited:
      return "bytes";
    case OptionKind::kDecimal:
      return "decimal";
    case OptionKind::kDuration:
      return "duration";
  }
  return "";
}

std::string spelled(const OptionSpec& option) {
  const std::string name = std::string("--") + option.name;
  return option.short_name == 0 ? name : std::string("-") + option.short_name + ", " + name;
}

Result<void> Options::add(const OptionSpec& option, const std::string& value) {
  std::string reason = complaint(option.kind, value);
  if (reason.empty() && option.check != nullptr) {
    const auto checked = option.check(value);
    if (!checked) reason = checked.error().text();
  }
  if (!reason.empty()) {
    return invalid("invalid argument \"" + printable(value) + "\" for \"" + spelled(option) +
                   "\" flag: " + reason);
  }
  given_.push_back({option.same_as != nullptr ? option.same_as : option.name, value});
  return ok();
}

std::optional<std::string> Options::value_of(std::string_view name) const {
  for (size_t i = given_.size(); i > 0; --i) {
    if (given_[i - 1].name == name) return given_[i - 1].value;
  }
  for (const OptionSpec* option : known_) {
    if (name == option->name) {
      if (option->default_value == nullptr) return std::nullopt;
      return option->default_value;
    }
  }
  assert(false && "an option that is not in the command's table");
  return std::nullopt;
}

bool Options::given(std::string_view name) const {
  for (const auto& entry : given_) {
    if (entry.name == name) return true;
  }
  return false;
}

bool Options::flag(std::string_view name) const {
  return optional_flag(name).value_or(false);
}

std::optional<bool> Options::optional_flag(std::string_view name) const {
  const auto value = value_of(name);
  return value ? parse_bool(*value) : std::nullopt;
}

std::string Options::string(std::string_view name) const {
  return value_of(name).value_or("");
}

std::vector<std::string> Options::list(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& entry : given_) {
    if (entry.name == name) values.push_back(entry.value);
  }
  return values;
}

std::optional<int64_t> Options::integer(std::string_view name) const {
  const auto value = value_of(name);
  if (!value) return std::nullopt;
  return parse_int(*value).value_or(0);
}

std::optional<int64_t> Options::size_bytes(std::string_view name) const {
  const auto value = value_of(name);
  if (!value) return std::nullopt;
  return *value == "-1" ? -1 : parse_size(*value).value_or(0);
}

std::optional<int64_t> Options::billionths(std::string_view name) const {
  const auto value = value_of(name);
  return value ? parse_billionths(*value) : std::nullopt;
}

std::optional<int64_t> Options::duration_ns(std::string_view name) const {
  const auto value = value_of(name);
  if (!value) return std::nullopt;
  return parse_duration(*value).value_or(0);
}

}  // namespace cli
