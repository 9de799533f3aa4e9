#include "image/archive/hash.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace image {

void Hasher::Free::operator()(evp_md_ctx_st* context) const {
  ::EVP_MD_CTX_free(context);
}

Result<Hasher> Hasher::make(DigestAlgorithm algorithm) {
  Hasher hasher;
  hasher.context_.reset(::EVP_MD_CTX_new());
  const EVP_MD* kind = algorithm == DigestAlgorithm::kSha256 ? ::EVP_sha256() : ::EVP_sha512();
  if (!hasher.context_ || ::EVP_DigestInit_ex(hasher.context_.get(), kind, nullptr) != 1)
    return Error(ErrorKind::kSystem, "libcrypto can't hash");
  return hasher;
}

void Hasher::update(std::string_view bytes) {
  ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

Result<Digest> Hasher::finish() {
  std::array<uint8_t, EVP_MAX_MD_SIZE> hash = {};
  unsigned size = 0;
  if (::EVP_DigestFinal_ex(context_.get(), hash.data(), &size) != 1)
    return Error(ErrorKind::kSystem, "libcrypto can't hash");
  return Digest::of_hash(std::span(hash).first(size));
}

Result<Digest> digest_of(std::string_view bytes, DigestAlgorithm algorithm) {
  Hasher hasher = TRY(Hasher::make(algorithm));
  hasher.update(bytes);
  return hasher.finish();
}

Result<Digest> chain_id(const std::optional<Digest>& parent, const Digest& diff_id) {
  if (!parent) return diff_id;
  return digest_of(parent->text() + " " + diff_id.text());
}

}  // namespace image
