#include "base/json.h"

#include "base/file.h"
#include "base/strings.h"

namespace {

constexpr size_t kMaxDepth = 128;

// Builds the document from nlohmann's events, and refuses what RFC 8259 leaves open and attackers use:
// duplicate keys (two readers, two answers) and deep nesting (stack).
class StrictReader {
 public:
  explicit StrictReader(Json& document) : document_(&document) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string& /*text*/) { return add(value); }
  bool string(std::string& value) { return add(value); }
  bool binary(Json::binary_t& /*value*/) { return false; }  // JSON text has none

  bool start_object(size_t /*size*/) { return enter(Json::value_t::object); }
  bool start_array(size_t /*size*/) { return enter(Json::value_t::array); }
  bool end_object() { return leave(); }
  bool end_array() { return leave(); }
  bool key(std::string& name) {
    const auto [member, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(name);
    if (!is_new) problem = "duplicate key \"" + printable(name) + "\"";
    member_ = &member->second;
    return is_new;
  }
  bool parse_error(size_t position, const std::string& /*token*/, const Json::exception& /*error*/) {
    problem = "not valid JSON at byte " + std::to_string(position);
    return false;
  }

  std::string problem;

 private:
  // Where the next value goes: the document, the member whose key was read last, or behind an array's last.
  Json& place() {
    if (open_.empty()) return *document_;
    if (open_.back()->is_object()) return *member_;
    return open_.back()->get_ref<Json::array_t&>().emplace_back();
  }
  template <typename T>
  bool add(T&& value) {
    place() = std::forward<T>(value);
    return true;
  }
  bool enter(Json::value_t type) {
    Json& value = place();
    value = type;
    open_.push_back(&value);
    if (open_.size() <= kMaxDepth) return true;
    problem = "nested too deeply";
    return false;
  }
  bool leave() {
    open_.pop_back();
    return true;
  }

  Json* document_;
  Json* member_ = nullptr;
  std::vector<Json*> open_;  // objects and arrays whose end is to come
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (text.size() > kMaxStateFile) return corrupt("JSON document is too large");
  // The parser takes a NUL for the end, whatever follows.
  const size_t nul = text.find('\0');
  if (nul != std::string_view::npos) return corrupt("not valid JSON at byte " + std::to_string(nul + 1));
  Json document;
  StrictReader reader(document);
  try {
    if (!Json::sax_parse(text.begin(), text.end(), &reader, nlohmann::detail::input_format_t::json, true)) {
      return corrupt(reader.problem.empty() ? "not valid JSON" : reader.problem);
    }
  } catch (const std::exception& error) {  // out of range numbers, memory
    return corrupt(std::string("not valid JSON: ") + error.what());
  }
  return document;
}

Result<Json> read_json_file(const std::string& path) {
  const std::string text = TRY(read_file(path));
  return TRY_IN(path, parse_json(text));
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

namespace {

// RFC 6901: a key may have the characters that a pointer is made of.
std::string pointer_token(const std::string& key) {
  std::string token;
  for (const char c : key)
    token += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return token;
}

// The pointer from `here` to `value`; nothing if it is not in there.
std::optional<std::string> pointer_between(const Json& here, const Json& value) {
  if (&here == &value) return "";
  if (!here.is_structured()) return std::nullopt;
  for (const auto& [key, member] : here.items()) {
    auto rest = pointer_between(member, value);
    if (rest) return "/" + pointer_token(key) + *rest;
  }
  return std::nullopt;
}

}  // namespace

std::string JsonView::pointer() const {
  return pointer_between(*document_, *value_).value_or("");
}

bool JsonView::has(const char* key) const {
  return find(key).has_value();
}

Result<JsonView> JsonView::at(const char* key) const {
  if (!value_->is_object()) return wrong("not an object");
  auto member = find(key);
  if (!member) return invalid(pointer() + "/" + key + ": missing");
  return *member;
}

std::optional<JsonView> JsonView::find(const char* key) const {
  if (!value_->is_object()) return std::nullopt;
  const auto member = value_->find(key);
  if (member == value_->end() || member->is_null()) return std::nullopt;
  return JsonView(document_, *member);
}

Result<std::vector<JsonView>> JsonView::elements() const {
  if (!value_->is_array()) return wrong("not an array");
  std::vector<JsonView> result;
  result.reserve(value_->size());
  for (const Json& element : *value_)
    result.push_back(JsonView(document_, element));
  return result;
}

Result<std::vector<std::pair<std::string, JsonView>>> JsonView::members() const {
  if (!value_->is_object()) return wrong("not an object");
  std::vector<std::pair<std::string, JsonView>> result;
  for (const auto& [key, member] : value_->items())
    result.emplace_back(key, JsonView(document_, member));
  return result;
}

Result<std::string> JsonView::string() const {
  if (!value_->is_string()) return wrong("not a string");
  auto text = value_->get<std::string>();
  if (text.find('\0') != std::string::npos) return wrong("has a NUL byte");
  return text;
}

Result<int64_t> JsonView::integer() const {
  if (value_->is_number_unsigned() && value_->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return wrong("out of range");
  }
  if (!value_->is_number_integer()) return wrong("not an integer");
  return value_->get<int64_t>();
}

Result<uint64_t> JsonView::unsigned_integer() const {
  // A number that code put in as an int is signed in nlohmann's eyes; one that was parsed never is.
  if (value_->is_number_unsigned()) return value_->get<uint64_t>();
  if (!value_->is_number_integer() || value_->get<int64_t>() < 0) return wrong("not a non-negative integer");
  return static_cast<uint64_t>(value_->get<int64_t>());
}

Result<bool> JsonView::boolean() const {
  if (!value_->is_boolean()) return wrong("not a boolean");
  return value_->get<bool>();
}

Result<std::vector<std::string>> JsonView::strings() const {
  std::vector<std::string> result;
  const auto items = TRY(elements());
  for (const auto& item : items)
    result.push_back(TRY(item.string()));
  return result;
}

Result<std::vector<uint32_t>> JsonView::numbers() const {
  std::vector<uint32_t> result;
  const auto items = TRY(elements());
  for (const auto& item : items) {
    const uint64_t value = TRY(item.unsigned_integer());
    if (value > UINT32_MAX) return item.wrong("out of range");
    result.push_back(static_cast<uint32_t>(value));
  }
  return result;
}

Result<std::string> JsonView::string_or(const char* key, std::string fallback) const {
  const auto member = find(key);
  if (!member) return fallback;
  return member->string();
}

Result<bool> JsonView::boolean_or(const char* key, bool fallback) const {
  const auto member = find(key);
  if (!member) return fallback;
  return member->boolean();
}

Result<std::optional<int64_t>> JsonView::optional_integer(const char* key) const {
  const auto member = find(key);
  if (!member) return std::optional<int64_t>();
  return std::optional<int64_t>(TRY(member->integer()));
}

Result<std::optional<uint64_t>> JsonView::optional_unsigned(const char* key) const {
  const auto member = find(key);
  if (!member) return std::optional<uint64_t>();
  return std::optional<uint64_t>(TRY(member->unsigned_integer()));
}

Result<std::vector<std::string>> JsonView::strings_or_empty(const char* key) const {
  const auto member = find(key);
  if (!member) return std::vector<std::string>();
  return member->strings();
}

Error JsonView::wrong(const std::string& what) const {
  const std::string where = pointer();
  return invalid((where.empty() ? "document" : where) + ": " + what);
}
