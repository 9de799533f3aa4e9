// Structs as JSON objects of our own files: one visit_fields() per struct names its members once, and the
// reader and the writer are both made from it, so that they can't drift apart. Members with their default
// value are not written; unknown members are an error, because these files are ours.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace engine {

template <typename T, typename Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

class FieldWriter {
 public:
  void operator()(const char* key, const std::string& value) { put(key, value, value.empty()); }
  void operator()(const char* key, bool value) { put(key, value, !value); }
  void operator()(const char* key, const std::vector<std::string>& value) { put(key, value, value.empty()); }
  void operator()(const char* key, const std::map<std::string, std::string>& value) {
    put(key, value, value.empty());
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void operator()(const char* key, const T& value) {
    put(key, value, value == 0);
  }
  template <typename T>
  void operator()(const char* key, const std::optional<T>& value) {
    if (value) object_[key] = *value;
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* key, const T& value) {
    FieldWriter nested;
    visit_fields(nested, value);
    put(key, nested.object_, nested.object_.empty());
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* key, const std::vector<T>& values) {
    Json array = Json::array();
    for (const auto& value : values) {
      FieldWriter nested;
      visit_fields(nested, value);
      array.push_back(std::move(nested.object_));
    }
    put(key, array, values.empty());
  }
  Json take() { return std::move(object_); }

 private:
  template <typename T>
  void put(const char* key, const T& value, bool is_default) {
    if (!is_default) object_[key] = value;
  }
  Json object_ = Json::object();
};

class FieldReader {
 public:
  explicit FieldReader(const JsonView& view) : view_(view) {}

  void operator()(const char* key, std::string& value) {
    if (const auto member = next(key)) keep(member->string(), value);
  }
  void operator()(const char* key, bool& value) {
    if (const auto member = next(key)) keep(member->boolean(), value);
  }
  void operator()(const char* key, std::vector<std::string>& value) {
    if (const auto member = next(key)) keep(member->strings(), value);
  }
  void operator()(const char* key, std::map<std::string, std::string>& value) {
    const auto member = next(key);
    if (!member) return;
    auto members = member->members();
    if (!members) return fail(std::move(members).error());
    for (const auto& [name, view] : *members)
      keep(view.string(), value[name]);
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void operator()(const char* key, T& value) {
    if (const auto member = next(key)) read_number(*member, value);
  }
  template <typename T>
  void operator()(const char* key, std::optional<T>& value) {
    if (!view_.has(key)) return;
    value.emplace();
    (*this)(key, *value);
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* key, T& value) {
    if (const auto member = next(key)) read_struct(*member, value);
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* key, std::vector<T>& values) {
    const auto member = next(key);
    if (!member) return;
    auto elements = member->elements();
    if (!elements) return fail(std::move(elements).error());
    for (const auto& element : *elements)
      read_struct(element, values.emplace_back());
  }

  // The first error, or kInvalid for a member that no field of the struct has.
  Result<void> finish() {
    if (error_) return std::move(*error_);
    auto members = view_.members();
    if (!members) return std::move(members).error();
    for (const auto& [key, view] : *members) {
      if (!known_.contains(key)) return view.wrong("unknown member");
    }
    return ok();
  }
  // A member that the caller reads itself ("schema").
  void skip(const char* key) { known_.insert(key); }

 private:
  std::optional<JsonView> next(const char* key) {
    known_.insert(key);
    if (error_ || !view_.is_object()) return std::nullopt;
    return view_.find(key);
  }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  template <typename T>
  void keep(Result<T> result, T& value) {
    if (!result) return fail(std::move(result).error());
    value = std::move(*result);
  }
  template <typename T>
  void read_number(const JsonView& member, T& value) {
    if constexpr (std::is_unsigned_v<T>) {
      const auto number = member.unsigned_integer();
      if (!number) return fail(number.error());
      value = static_cast<T>(*number);
      if (value != *number) fail(member.wrong("out of range"));
    } else {
      const auto number = member.integer();
      if (!number) return fail(number.error());
      value = static_cast<T>(*number);
      if (value != *number) fail(member.wrong("out of range"));
    }
  }
  template <typename T>
  void read_struct(const JsonView& member, T& value) {
    FieldReader nested(member);
    visit_fields(nested, value);
    auto finished = nested.finish();
    if (!finished) fail(std::move(finished).error());
  }

  JsonView view_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace engine
