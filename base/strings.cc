#include "base/strings.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string to_upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

namespace {

template <typename Number>
Result<Number> parse_number(std::string_view text) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return invalid("\"" + printable(text) + "\" is not a number");
  return value;
}

// The length in bytes of the UTF-8 sequence at the start of `text`, 0 if it is not valid; the code point in
// `code`.
size_t decode_utf8(std::string_view text, uint32_t& code) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80          ? 1
                        : (lead >> 5U) == 6  ? 2
                        : (lead >> 4U) == 14 ? 3
                        : (lead >> 3U) == 30 ? 4
                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  constexpr std::array<uint32_t, 5> kMask = {0, 0x7f, 0x1f, 0x0f, 0x07};
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  code = lead & kMask[length];
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < kLeast[length] || code > 0x10ffff || surrogate ? 0 : length;
}

bool is_control(uint32_t code) {
  const bool bidirectional = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
                             code == 0x200e || code == 0x200f || code == 0x061c;
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029 || bidirectional;
}

}  // namespace

Result<uint64_t> parse_uint(std::string_view text) {
  return parse_number<uint64_t>(text);
}
Result<int64_t> parse_int(std::string_view text) {
  return parse_number<int64_t>(text);
}

std::string shell_quote(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string shell_words(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) {
    if (!line.empty()) line += ' ';
    line += shell_quote(word);
  }
  return line;
}

std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr auto kIsPlain = [](char c) { return c >= ' ' && c <= '~'; };
  std::string result;
  while (!text.empty()) {
    // Nearly all of nearly every text, in one piece.
    const auto plain =
        static_cast<size_t>(std::find_if_not(text.begin(), text.end(), kIsPlain) - text.begin());
    result += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    uint32_t code = 0;
    const size_t length = decode_utf8(text, code);
    if (length > 0 && !is_control(code)) {
      result += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    const size_t bytes = std::max<size_t>(length, 1);
    for (size_t i = 0; i < bytes; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      result += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
    text.remove_prefix(bytes);
  }
  return result;
}

std::string random_hex(size_t count) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string bytes(count, '\0');
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {kHex[byte >> 4U], kHex[byte & 15U]};
  }
  return text;
}
