// sha256 and sha512 through OpenSSL's libcrypto (which uses the processor's SHA instructions).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "image/digest.h"

struct evp_md_ctx_st;

namespace image {

class Hasher {
 public:
  // kSystem when libcrypto has no such hash or no memory.
  static Result<Hasher> make(DigestAlgorithm algorithm);
  void update(std::string_view bytes);
  // To be called once.
  Result<Digest> finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  Hasher() = default;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Result<Digest> digest_of(std::string_view bytes, DigestAlgorithm algorithm = DigestAlgorithm::kSha256);
// OCI image-spec config.md, "Layer ChainID": the diff id itself for the bottom layer, else the hash of
// "PARENT DIFF_ID".
Result<Digest> chain_id(const std::optional<Digest>& parent, const Digest& diff_id);

}  // namespace image
