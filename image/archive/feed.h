// The first half of unpacking: a blob is read, hashed, decompressed, and what comes out is counted against
// the limits while it is given on; whoever takes it hashes it, which is work for another processor. Runs in a
// sandboxed child: alone, in front of a pipe (Feeder: no file system, no privileges), or in the child that
// unpacks (unpack.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/gzip.h"
#include "image/archive/inflate.h"
#include "image/archive/limits.h"
#include "image/archive/sandbox.h"
#include "image/digest.h"

namespace image {

struct FeedRequest {
  Input input;
  // Gets the layer in a form that registries take: the input itself when it is gzip or zstd, else packed by
  // us. -1: not wanted.
  int keep_fd = -1;
  // Of the input's digest; absent: whoever sends it has hashed it already. With keep_fd it is needed.
  std::optional<DigestAlgorithm> blob_algorithm;
  uint64_t max_bytes = 0;  // of the content
  Limits limits;           // the ratio
};

// What was written to keep_fd.
struct KeptBlob {
  Digest digest;
  uint64_t bytes = 0;
  bool is_zstd = false;  // else gzip
  bool as_it_came = false;
};

struct FeedAnswer {
  std::optional<Digest> blob_digest;  // of the input as it is, if it was wanted
  uint64_t blob_bytes = 0;
  uint64_t content_bytes = 0;  // decompressed
  std::optional<KeptBlob> kept;
  bool output_closed = false;  // the reader of the pipe went away first: its error is the interesting one
};

// A bounded number of records for report.h, and back. kCorrupt.
inline constexpr size_t kFeedRecords = 8;
std::vector<std::string> to_records(const FeedAnswer& answer);
Result<FeedAnswer> feed_answer_of(const std::vector<std::string>& records);

class Feed {
 public:
  static Result<std::unique_ptr<Feed>> make(const FeedRequest& request);
  // The next bytes of the content, empty at the end; valid until the next call. Errors: kCorrupt (damaged or
  // truncated input), kInvalid (over a limit), kSystem.
  Result<std::string_view> next();
  // To be called once; what was not taken yet is not part of the digest.
  Result<FeedAnswer> finish();

 private:
  Feed(const FeedRequest& request, InputReader reader) : request_(request), reader_(std::move(reader)) {}
  Result<void> check_size() const;
  Result<void> keep(std::string_view packed);

  FeedRequest request_;
  InputReader reader_;
  std::optional<Inflater> inflater_;
  uint64_t content_bytes_ = 0;
  std::unique_ptr<Gzip> packer_;  // when the input is no form that registries take
  std::optional<Hasher> packed_;
  uint64_t packed_bytes_ = 0;
};

class Feeder {
 public:
  // Writes the content to `output_fd`. `empty_directory` becomes the child's root.
  static Result<Feeder> start(const FeedRequest& request, int output_fd, const std::string& empty_directory);
  // Errors: those of Feed.
  Result<FeedAnswer> finish();

 private:
  Feeder(SandboxedChild child, Fd report) : child_(std::move(child)), report_(std::move(report)) {}
  SandboxedChild child_;
  Fd report_;
};

}  // namespace image
