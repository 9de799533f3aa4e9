// The fence around nlohmann::json: parsing that returns errors instead of throwing, and type-checked reads
// whose errors carry the JSON pointer of the value: "config.json: /linux/resources/memory/limit: not an
// integer". Only this file and its callers' read_x/write_x functions touch JSON; headers include
// <nlohmann/json_fwd.hpp>.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

using Json = nlohmann::json;

// Strict: one document, no trailing bytes, no comments, UTF-8, no duplicate keys, at most 128 levels, at most
// kMaxStateFile bytes. kCorrupt with the position otherwise.
Result<Json> parse_json(std::string_view text);
Result<Json> read_json_file(const std::string& path);
// Compact (indent < 0) or indented; invalid UTF-8 is replaced, never an exception.
std::string dump_json(const Json& value, int indent = -1);

// A reading position in a document: the document and a value in it. Copies are cheap and borrow the document.
class JsonView {
 public:
  explicit JsonView(const Json& document) : document_(&document), value_(&document) {}

  const Json& raw() const { return *value_; }
  // "/linux/resources"; "" for the document itself. Searched for when it is asked for, which is for an error:
  // reading a spec makes hundreds of views.
  std::string pointer() const;
  bool is_object() const { return value_->is_object(); }
  // True if the object has a non-null member `key`.
  bool has(const char* key) const;
  // The member, or kInvalid "missing".
  Result<JsonView> at(const char* key) const;
  std::optional<JsonView> find(const char* key) const;
  // All elements of an array; kInvalid if it is not one.
  Result<std::vector<JsonView>> elements() const;
  // All members of an object, in document order.
  Result<std::vector<std::pair<std::string, JsonView>>> members() const;

  // Strings with a NUL byte are refused: they would be cut short in every system call.
  Result<std::string> string() const;
  Result<int64_t> integer() const;
  Result<uint64_t> unsigned_integer() const;
  Result<bool> boolean() const;
  Result<std::vector<std::string>> strings() const;
  Result<std::vector<uint32_t>> numbers() const;

  // The optional member of that type: the default when absent or null, kInvalid when of another type.
  Result<std::string> string_or(const char* key, std::string fallback) const;
  Result<bool> boolean_or(const char* key, bool fallback) const;
  Result<std::optional<int64_t>> optional_integer(const char* key) const;
  Result<std::optional<uint64_t>> optional_unsigned(const char* key) const;
  Result<std::vector<std::string>> strings_or_empty(const char* key) const;

  Error wrong(const std::string& what) const;

 private:
  JsonView(const Json* document, const Json& value) : document_(document), value_(&value) {}

  const Json* document_;
  const Json* value_;
};
