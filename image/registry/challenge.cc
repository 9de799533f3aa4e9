#include "image/registry/challenge.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/strings.h"

namespace image::registry {

namespace {

constexpr size_t kMaxToken = 65536;

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Walks one header's value.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip(std::string_view characters) {
    while (!at_end() && characters.find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(char c) {
    if (peek() != c || at_end()) return false;
    ++at_;
    return true;
  }
  std::string token() {
    const size_t start = at_;
    while (!at_end() && is_token_char(text_[at_]))
      ++at_;
    return std::string(text_.substr(start, at_ - start));
  }
  // Behind the opening quote; nullopt when there is no closing one.
  std::optional<std::string> quoted() {
    std::string result;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') return result;
      if (c == '\\' && !at_end()) {
        result += text_[at_++];
        continue;
      }
      result += c;
    }
    return std::nullopt;
  }
  // What a scheme like Negotiate may have in place of parameters.
  void skip_token68() {
    while (!at_end() && (is_token_char(text_[at_]) || text_[at_] == '/' || text_[at_] == '='))
      ++at_;
  }
  size_t position() const { return at_; }
  void back_to(size_t position) { at_ = position; }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

Error bad_challenge() {
  return invalid("the registry asks for authentication in a way that can't be understood");
}

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

Result<std::vector<Challenge>> parse_challenges(std::string_view value) {
  if (value.size() > kMaxChallenge) return bad_challenge();
  std::vector<Challenge> result;
  Scanner scanner(value);
  for (scanner.skip(" \t,"); !scanner.at_end(); scanner.skip(" \t,")) {
    std::string name = to_lower(scanner.token());
    if (name.empty()) return bad_challenge();
    scanner.skip(" \t");
    if (!result.empty() && scanner.take('=')) {  // a parameter of the last challenge
      scanner.skip(" \t");
      std::string text;
      if (scanner.take('"')) {
        auto quoted = scanner.quoted();
        if (!quoted) return bad_challenge();
        text = std::move(*quoted);
      } else {
        const size_t before = scanner.position();
        text = scanner.token();
        if (scanner.position() == before) scanner.skip_token68();
      }
      result.back().parameters.emplace(std::move(name), std::move(text));
      continue;
    }
    if (scanner.peek() == '=') return bad_challenge();
    result.push_back({std::move(name), {}});
    const size_t after = scanner.position();
    const std::string next = scanner.token();
    scanner.skip(" \t");
    const bool is_parameter = !next.empty() && scanner.peek() == '=';
    scanner.back_to(after);
    if (!is_parameter && !next.empty() && scanner.peek() != ',') {
      // Either token68 of this scheme or the next scheme: only a comma can come before the latter.
      scanner.skip_token68();
    }
  }
  return result;
}

std::optional<Challenge> choose_challenge(const std::vector<std::string>& headers) {
  std::optional<Challenge> basic;
  for (const auto& header : headers) {
    const auto challenges = parse_challenges(header);
    if (!challenges) continue;
    for (const auto& challenge : *challenges) {
      if (challenge.scheme == "bearer" && !challenge.parameter("realm").empty()) return challenge;
      if (challenge.scheme == "basic") basic = challenge;
    }
  }
  return basic;
}

Result<Token> parse_token(std::string_view body) {
  const Json document = TRY(parse_json(body));
  const JsonView view(document);
  if (!view.is_object()) return invalid("the token server's answer is not an object");
  Token token;
  token.text = TRY(view.string_or("token", ""));
  if (token.text.empty()) token.text = TRY(view.string_or("access_token", ""));
  if (token.text.empty()) return invalid("the token server's answer has no token");
  const bool clean =
      std::all_of(token.text.begin(), token.text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!clean || token.text.size() > kMaxToken)
    return invalid("the token server's answer has no usable token");
  const auto expires = TRY(view.optional_integer("expires_in"));
  constexpr int64_t kShortest = 60;
  if (expires) token.expires_in_s = std::max(*expires, kShortest);
  return token;
}

std::string base64(std::string_view bytes) {
  std::string result;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0U; };
    const uint32_t group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    result += kAlphabet[group >> 18U];
    result += kAlphabet[group >> 12U & 63U];
    result += i + 1 < bytes.size() ? kAlphabet[group >> 6U & 63U] : '=';
    result += i + 2 < bytes.size() ? kAlphabet[group & 63U] : '=';
  }
  return result;
}

Result<std::string> from_base64(std::string_view text) {
  while (text.ends_with('='))
    text.remove_suffix(1);
  std::string result;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return invalid("not base64");
    bits = (bits << 6U | static_cast<uint32_t>(digit)) & 0xFFFFFFU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    result += static_cast<char>(bits >> count & 0xFFU);
  }
  return result;
}

std::string basic_authorization(std::string_view user, std::string_view password) {
  return "Basic " + base64(std::string(user) + ":" + std::string(password));
}

}  // namespace image::registry
