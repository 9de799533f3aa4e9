#include "base/json.h"

#include <set>

#include "base/file.h"
#include "base/strings.h"

namespace {

constexpr size_t kMaxDepth = 128;

// Builds the document through nlohmann's DOM callback while it refuses what RFC 8259 leaves open and
// attackers use: duplicate keys (two readers, two answers) and deep nesting (stack).
class StrictSax : public nlohmann::detail::json_sax_dom_parser<Json> {
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;

 public:
  explicit StrictSax(Json& result) : Base(result, false) {}

  bool start_object(std::size_t size) {
    keys_.emplace_back();
    return enter() && Base::start_object(size);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return Base::end_object();
  }
  bool start_array(std::size_t size) { return enter() && Base::start_array(size); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool key(Json::string_t& name) {
    if (!keys_.back().insert(name).second) {
      problem = "duplicate key \"" + printable(name) + "\"";
      return false;
    }
    return Base::key(name);
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    problem = "not valid JSON at byte " + std::to_string(position);
    return false;
  }

  std::string problem;

 private:
  bool enter() {
    if (++depth_ <= kMaxDepth) return true;
    problem = "nested too deeply";
    return false;
  }
  std::vector<std::set<std::string>> keys_;
  size_t depth_ = 0;
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (text.size() > kMaxStateFile) return corrupt("JSON document is too large");
  // The parser takes a NUL for the end, whatever follows.
  const size_t nul = text.find('\0');
  if (nul != std::string_view::npos) return corrupt("not valid JSON at byte " + std::to_string(nul + 1));
  Json document;
  StrictSax sax(document);
  try {
    if (!Json::sax_parse(text.begin(), text.end(), &sax, nlohmann::detail::input_format_t::json, true)) {
      return corrupt(sax.problem.empty() ? "not valid JSON" : sax.problem);
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

}  // namespace

bool JsonView::has(const char* key) const {
  return find(key).has_value();
}

Result<JsonView> JsonView::at(const char* key) const {
  if (!value_->is_object()) return wrong("not an object");
  auto member = find(key);
  if (!member) return invalid(pointer_ + "/" + key + ": missing");
  return *member;
}

std::optional<JsonView> JsonView::find(const char* key) const {
  if (!value_->is_object()) return std::nullopt;
  const auto member = value_->find(key);
  if (member == value_->end() || member->is_null()) return std::nullopt;
  return JsonView(*member, pointer_ + "/" + key);
}

Result<std::vector<JsonView>> JsonView::elements() const {
  if (!value_->is_array()) return wrong("not an array");
  std::vector<JsonView> result;
  result.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i)
    result.emplace_back((*value_)[i], pointer_ + "/" + std::to_string(i));
  return result;
}

Result<std::vector<std::pair<std::string, JsonView>>> JsonView::members() const {
  if (!value_->is_object()) return wrong("not an object");
  std::vector<std::pair<std::string, JsonView>> result;
  for (const auto& [key, member] : value_->items())
    result.emplace_back(key, JsonView(member, pointer_ + "/" + pointer_token(key)));
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
  return invalid((pointer_.empty() ? std::string("document") : pointer_) + ": " + what);
}
