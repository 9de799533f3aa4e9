// Errors as values: Result<T> is either a T or an Error; TRY returns the error to the caller.
// Knows nothing about containers. Shaped like std::expected (C++23), which g++ 12 does not have.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// What a caller may decide on. Everything else about an error is text for people.
enum class ErrorKind {
  kSystem,       // a system call failed; errno says how
  kInvalid,      // what the user, an image or a file said is wrong
  kNotFound,     // the named object does not exist
  kConflict,     // it exists already, or its state does not allow the request
  kUnsupported,  // this kernel, machine or version can't do it
  kCorrupt,      // stored data or a peer's message is damaged
};

// One failure. `text` is owned, lower case, without a full stop, built outside-in:
// "run web: mount proc on /proc: Operation not permitted".
class Error {
 public:
  Error(ErrorKind kind, std::string text, int error_number = 0)
      : kind_(kind), errno_(error_number), text_(std::move(text)) {}

  // The error of a system call that has just failed with `error_number`; appends strerror(3)'s words.
  static Error from_errno(std::string_view what, int error_number);

  ErrorKind kind() const { return kind_; }
  int error_number() const { return errno_; }
  const std::string& text() const { return text_; }

  // The same error with `what: ` in front of its text.
  Error in(std::string_view what) && {
    text_ = std::string(what) + ": " + text_;
    return std::move(*this);
  }

 private:
  ErrorKind kind_;
  int errno_;
  std::string text_;
};

// The description of an errno, as strerror(3) gives it, without its locks and locale.
std::string errno_text(int error_number);

inline Error invalid(std::string text) {
  return {ErrorKind::kInvalid, std::move(text)};
}
inline Error not_found(std::string text) {
  return {ErrorKind::kNotFound, std::move(text)};
}
inline Error conflict(std::string text) {
  return {ErrorKind::kConflict, std::move(text)};
}
inline Error unsupported(std::string text) {
  return {ErrorKind::kUnsupported, std::move(text)};
}
inline Error corrupt(std::string text) {
  return {ErrorKind::kCorrupt, std::move(text)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }
  T value_or(T other) && { return has_value() ? std::move(value()) : std::move(other); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const {}
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

inline Result<void> ok() {
  return {};
}

// The value of `expression`, or return its error. One TRY a statement: nested ones shadow and do not compile.
#define TRY(expression)                                      \
  __extension__({                                            \
    auto&& try_result_ = (expression);                       \
    if (!try_result_) return std::move(try_result_).error(); \
    std::move(try_result_).value();                          \
  })

// TRY with `what: ` put in front of the error's text.
#define TRY_IN(what, expression)                                      \
  __extension__({                                                     \
    auto&& try_result_ = (expression);                                \
    if (!try_result_) return std::move(try_result_).error().in(what); \
    std::move(try_result_).value();                                   \
  })
