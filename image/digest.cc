#include "image/digest.h"

#include <algorithm>

#include "base/strings.h"

namespace image {

namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr std::string_view kSha512 = "sha512:";
constexpr size_t kSha256Hex = 64;
constexpr size_t kSha512Hex = 128;
constexpr size_t kShortHex = 12;

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  const bool is_256 = text.starts_with(kSha256) && text.size() == kSha256.size() + kSha256Hex;
  const bool is_512 = text.starts_with(kSha512) && text.size() == kSha512.size() + kSha512Hex;
  if ((is_256 || is_512) && std::all_of(text.begin() + kSha256.size(), text.end(), is_lower_hex)) {
    return Digest(std::string(text));
  }
  constexpr size_t kShown = 150;
  return invalid("invalid digest '" + printable(text.substr(0, kShown)) +
                 "': want sha256: or sha512: and lower-case hex digits");
}

Result<Digest> Digest::of_hash(std::span<const uint8_t> bytes) {
  if (bytes.size() * 2 != kSha256Hex && bytes.size() * 2 != kSha512Hex)
    return invalid("invalid digest: no hash has " + std::to_string(bytes.size()) + " bytes");
  std::string text(bytes.size() * 2 == kSha256Hex ? kSha256 : kSha512);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return Digest(std::move(text));
}

DigestAlgorithm Digest::algorithm() const {
  return text_.starts_with(kSha256) ? DigestAlgorithm::kSha256 : DigestAlgorithm::kSha512;
}

std::string_view Digest::algorithm_name() const {
  return std::string_view(text_).substr(0, kSha256.size() - 1);
}

std::string_view Digest::hex() const {
  return std::string_view(text_).substr(kSha256.size());
}

std::string Digest::short_hex() const {
  return std::string(hex().substr(0, kShortHex));
}

}  // namespace image
