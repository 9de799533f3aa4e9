// The first half of unpacking: a sandboxed child that reads a blob, hashes it, decompresses it, hashes what
// comes out and writes that to a descriptor. It has no file system and no privileges, so that a flaw in a
// decompressor reaches neither the host nor the layer's directory.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/inflate.h"
#include "image/archive/limits.h"
#include "image/archive/sandbox.h"
#include "image/digest.h"

namespace image {

struct FeedRequest {
  Input input;
  int output_fd = -1;
  std::string empty_directory;  // becomes its root
  DigestAlgorithm blob_algorithm = DigestAlgorithm::kSha256;
  DigestAlgorithm content_algorithm = DigestAlgorithm::kSha256;
  uint64_t max_bytes = 0;  // of the content
  Limits limits;           // the ratio
};

struct FeedAnswer {
  Digest blob_digest;  // of the input as it is
  uint64_t blob_bytes = 0;
  Digest content_digest;  // of the decompressed bytes: a layer's diff id
  uint64_t content_bytes = 0;
  bool output_closed = false;  // the reader of output_fd went away first: its error is the interesting one
};

class Feeder {
 public:
  static Result<Feeder> start(const FeedRequest& request);
  // Errors: kCorrupt (damaged or truncated input), kInvalid (over a limit), kSystem.
  Result<FeedAnswer> finish();

 private:
  Feeder(SandboxedChild child, Fd report) : child_(std::move(child)), report_(std::move(report)) {}
  SandboxedChild child_;
  Fd report_;
};

}  // namespace image
