// A content digest as OCI writes it, "sha256:<64 hex>" or "sha512:<128 hex>". A value of this type can only
// be made from valid text or from the bytes of a hash, so it is safe in a path (CVE-2024-3727:
// "md5:../../x"). Source: OCI image-spec, descriptor.md, "Digests".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace image {

enum class DigestAlgorithm { kSha256, kSha512 };

class Digest {
 public:
  // Errors: kInvalid for any other text (upper case hex, other algorithms, wrong lengths).
  static Result<Digest> parse(std::string_view text);
  // The output of a hash function; its length (32 or 64 bytes) says which one.
  static Result<Digest> of_hash(std::span<const uint8_t> bytes);

  DigestAlgorithm algorithm() const;
  std::string_view algorithm_name() const;           // "sha256"
  std::string_view hex() const;                      // only the digits
  std::string short_hex() const;                     // the first 12 digits, as docker prints image ids
  const std::string& text() const { return text_; }  // "sha256:..."
  // clang-tidy 14 takes the comparison with 0 that it makes of this for a pointer.
  auto operator<=>(const Digest&) const = default;  // NOLINT(modernize-use-nullptr)

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace image
