// A stream of bytes as it was before it was compressed. The compression (gzip, zstd, xz, bzip2 or none) is
// told by the content, never by a name. Runs in the sandboxed child that feeds the unpacker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/archive/hash.h"

struct archive;

namespace image {

inline constexpr size_t kBufferBytes = 256U << 10U;  // stays in the second-level cache between stages

// Where bytes come from: a part of a file, or all that a pipe gives.
struct Input {
  int fd = -1;
  std::optional<uint64_t> offset;  // absent: read(2) from where it is, until its end
  uint64_t size = 0;               // with offset
};

// Reads an Input in buffers and hashes what it reads.
class InputReader {
 public:
  static Result<InputReader> make(const Input& input, DigestAlgorithm algorithm);
  // The next bytes, empty at the end; valid until the next call. kCorrupt when the file is shorter than it
  // should be.
  Result<std::string_view> next();
  uint64_t bytes_read() const { return done_; }
  Hasher& hasher() { return hasher_; }

 private:
  InputReader(const Input& input, Hasher hasher)
      : input_(input), hasher_(std::move(hasher)), buffer_(kBufferBytes) {}
  Input input_;
  Hasher hasher_;
  std::vector<char> buffer_;
  uint64_t done_ = 0;
};

class Inflater {
 public:
  // `reader` is borrowed and must stay where it is.
  static Result<Inflater> make(InputReader& reader);
  // The next unpacked bytes, empty at the end. kCorrupt for damaged data.
  Result<std::string_view> next();
  bool is_compressed() const { return archive_ != nullptr; }

 private:
  struct Callbacks;  // what libarchive calls back into
  struct Free {
    void operator()(archive* archive) const;
    void operator()(Callbacks* callbacks) const;
  };
  explicit Inflater(InputReader& reader) : reader_(&reader) {}
  Result<void> open_archive();

  InputReader* reader_;
  std::string_view first_;  // looked at to tell the compression
  bool first_pending_ = true;
  std::unique_ptr<Callbacks, Free> callbacks_;
  std::unique_ptr<archive, Free> archive_;
};

// True if these first bytes of a file are those of a compression we read.
bool is_compressed(std::string_view start);

}  // namespace image
