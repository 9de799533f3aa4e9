// The functions of templates: Go's own and the ones Docker adds (docker.com, "Format command and log
// output").
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/strings.h"
#include "cli/template_ast.h"

namespace cli::template_ast {

namespace {

using Arguments = std::vector<Json>;

Result<std::string> text_of(const Json& value) {
  if (!value.is_string()) return invalid("wrong type for value; expected string; got " + go_text(value));
  return value.get<std::string>();
}

Result<int64_t> integer_of(const Json& value) {
  if (!value.is_number_integer()) return invalid("wrong type for value; expected int; got " + go_text(value));
  return value.get<int64_t>();
}

Result<Json> join_function(const Arguments& a) {
  if (!a[0].is_array()) return invalid("expected a list; got " + go_text(a[0]));
  std::vector<std::string> parts;
  for (const auto& item : a[0])
    parts.push_back(go_text(item));
  return Json(join(parts, TRY(text_of(a[1]))));
}

Result<Json> split_function(const Arguments& a) {
  const std::string text = TRY(text_of(a[0]));
  const std::string separator = TRY(text_of(a[1]));
  if (separator.empty()) return invalid("split: empty separator");
  Json parts = Json::array();
  size_t begin = 0;
  for (;;) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    if (end == std::string::npos) return parts;
    begin = end + separator.size();
  }
}

Result<Json> title_function(const Arguments& a) {
  std::string text = TRY(text_of(a[0]));
  bool begins = true;
  for (char& c : text) {
    if (begins && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    begins = c == ' ' || c == '\t' || c == '\n';
  }
  return Json(text);
}

Result<Json> pad_function(const Arguments& a) {
  static constexpr int64_t kMost = 1000;
  const std::string text = TRY(text_of(a[0]));
  const int64_t before = TRY(integer_of(a[1]));
  const int64_t after = TRY(integer_of(a[2]));
  if (text.empty()) return Json(text);  // Docker pads no empty text
  const auto blanks = [](int64_t n) {
    return std::string(static_cast<size_t>(std::clamp<int64_t>(n, 0, kMost)), ' ');
  };
  return Json(blanks(before) + text + blanks(after));
}

Result<Json> truncate_function(const Arguments& a) {
  const std::string text = TRY(text_of(a[0]));
  const int64_t length = TRY(integer_of(a[1]));
  if (length < 0 || static_cast<size_t>(length) >= text.size()) return Json(text);
  return Json(text.substr(0, static_cast<size_t>(length)));
}

Result<Json> length_function(const Arguments& a) {
  if (a[0].is_string()) return Json(a[0].get<std::string>().size());
  if (a[0].is_array() || a[0].is_object()) return Json(a[0].size());
  if (a[0].is_null()) return Json(0);  // Go's nil slices and maps
  return invalid("len of type " + std::string(a[0].type_name()));
}

Result<Json> index_function(const Arguments& a) {
  Json value = a[0];
  for (size_t i = 1; i < a.size(); ++i) {
    if (value.is_null()) return invalid("index of untyped nil");
    if (value.is_object()) {
      const auto found = value.find(TRY(text_of(a[i])));
      Json member = found == value.end() ? Json("") : *found;
      value = std::move(member);
      continue;
    }
    if (!value.is_array()) return invalid("can't index item of type " + std::string(value.type_name()));
    const int64_t place = TRY(integer_of(a[i]));
    if (place < 0 || static_cast<size_t>(place) >= value.size())
      return invalid("index out of range: " + std::to_string(place));
    Json member = value[static_cast<size_t>(place)];
    value = std::move(member);
  }
  return value;
}

Result<Json> slice_function(const Arguments& a) {
  const bool is_text = a[0].is_string();
  if (!is_text && !a[0].is_array())
    return invalid("can't slice item of type " + std::string(a[0].type_name()));
  const std::string text = is_text ? a[0].get<std::string>() : "";
  const int64_t size = static_cast<int64_t>(is_text ? text.size() : a[0].size());
  const int64_t begin = a.size() > 1 ? TRY(integer_of(a[1])) : 0;
  const int64_t end = a.size() > 2 ? TRY(integer_of(a[2])) : size;
  if (begin < 0 || end > size || begin > end) return invalid("index out of range: " + std::to_string(end));
  if (is_text) return Json(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
  Json part = Json::array();
  for (int64_t i = begin; i < end; ++i)
    part.push_back(a[0][static_cast<size_t>(i)]);
  return part;
}

// < 0, 0, > 0; kInvalid for values that have no common order.
Result<int> compare(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a < b ? -1 : (b < a ? 1 : 0);
  if (a.is_string() && b.is_string()) return a < b ? -1 : (b < a ? 1 : 0);
  if (a.is_boolean() && b.is_boolean()) return a == b ? 0 : 1;
  if (a.is_null() || b.is_null()) return a.is_null() && b.is_null() ? 0 : 1;
  return invalid("incompatible types for comparison");
}

Result<Json> equal_function(const Arguments& a) {
  for (size_t i = 1; i < a.size(); ++i) {
    const int order = TRY(compare(a[0], a[i]));
    if (order == 0) return Json(true);
  }
  return Json(false);
}

Result<Json> order_function(const std::string& name, const Arguments& a) {
  const int order = TRY(compare(a[0], a[1]));
  if (name == "ne") return Json(order != 0);
  if (name == "lt") return Json(order < 0);
  if (name == "le") return Json(order <= 0);
  if (name == "gt") return Json(order > 0);
  return Json(order >= 0);
}

// fmt.Sprint puts a blank between two values when neither is a string, Sprintln always.
std::string print_values(const Arguments& a, bool line) {
  std::string text;
  for (size_t i = 0; i < a.size(); ++i) {
    if (i > 0 && (line || (!a[i].is_string() && !a[i - 1].is_string()))) text += ' ';
    text += go_text(a[i]);
  }
  return line ? text + "\n" : text;
}

std::string quoted_text(const Json& value) {
  return value.is_string() ? dump_json(value) : go_text(value);
}

// %s %v %d %q %t %% with an optional '-' and width.
Result<Json> printf_function(const Arguments& a) {
  const std::string format = TRY(text_of(a[0]));
  std::string result;
  size_t next = 1;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      result += format[i];
      continue;
    }
    ++i;
    const bool left = format[i] == '-';
    if (left) ++i;
    size_t width = 0;
    for (; i < format.size() && format[i] >= '0' && format[i] <= '9' && width < 1000; ++i)
      width = width * 10 + static_cast<size_t>(format[i] - '0');
    const char verb = i < format.size() ? format[i] : '%';
    if (verb == '%') {
      result += '%';
      continue;
    }
    if (std::string_view("svdqt").find(verb) == std::string_view::npos)
      return invalid(std::string("printf: only %s %v %d %q %t are known, not %") + verb);
    if (next == a.size()) return invalid("printf: too few arguments");
    std::string value = verb == 'q' ? quoted_text(a[next]) : go_text(a[next]);
    ++next;
    if (value.size() < width) value.insert(left ? value.size() : 0, width - value.size(), ' ');
    result += value;
  }
  return Json(result);
}

Result<Json> simple_text_function(const std::string& name, const Arguments& a) {
  const std::string text = TRY(text_of(a[0]));
  return Json(name == "lower" ? to_lower(text) : to_upper(text));
}

struct Function {
  const char* name;
  size_t least;
  size_t most;
};
constexpr size_t kMany = 100;
constexpr Function kFunctions[] = {
    {"and", 1, kMany},   {"or", 1, kMany}, {"not", 1, 1},       {"eq", 2, kMany},      {"ne", 2, 2},
    {"lt", 2, 2},        {"le", 2, 2},     {"gt", 2, 2},        {"ge", 2, 2},          {"len", 1, 1},
    {"index", 1, kMany}, {"slice", 1, 3},  {"print", 0, kMany}, {"println", 0, kMany}, {"printf", 1, kMany},
    {"json", 1, 1},      {"join", 2, 2},   {"split", 2, 2},     {"lower", 1, 1},       {"upper", 1, 1},
    {"title", 1, 1},     {"pad", 3, 3},    {"truncate", 2, 2},
};

std::string number_text(double value) {
  std::array<char, 40> buffer = {};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

}  // namespace

bool is_function(std::string_view name) {
  return std::any_of(std::begin(kFunctions), std::end(kFunctions),
                     [&](const auto& f) { return name == f.name; });
}

Result<Json> call_function(const std::string& name, const Arguments& arguments) {
  for (const auto& function : kFunctions) {
    if (name != function.name) continue;
    if (arguments.size() < function.least || arguments.size() > function.most) {
      return invalid("wrong number of args for " + name + ": want " + std::to_string(function.least) +
                     " got " + std::to_string(arguments.size()));
    }
  }
  if (name == "not") return Json(!is_true(arguments[0]));
  if (name == "eq") return equal_function(arguments);
  if (name == "len") return length_function(arguments);
  if (name == "index") return index_function(arguments);
  if (name == "slice") return slice_function(arguments);
  if (name == "print" || name == "println") return Json(print_values(arguments, name == "println"));
  if (name == "printf") return printf_function(arguments);
  if (name == "json") return Json(dump_json(arguments[0]));
  if (name == "join") return join_function(arguments);
  if (name == "split") return split_function(arguments);
  if (name == "lower" || name == "upper") return simple_text_function(name, arguments);
  if (name == "title") return title_function(arguments);
  if (name == "pad") return pad_function(arguments);
  if (name == "truncate") return truncate_function(arguments);
  return order_function(name, arguments);
}

bool is_true(const Json& value) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

std::string go_text(const Json& value) {
  if (value.is_null()) return "<nil>";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_float()) return number_text(value.get<double>());
  if (value.is_number()) return dump_json(value);
  std::vector<std::string> parts;
  if (value.is_array()) {
    for (const auto& item : value)
      parts.push_back(go_text(item));
    return "[" + join(parts, " ") + "]";
  }
  for (const auto& [key, member] : value.items())
    parts.push_back(key + ":" + go_text(member));
  return "map[" + join(parts, " ") + "]";
}

}  // namespace cli::template_ast
