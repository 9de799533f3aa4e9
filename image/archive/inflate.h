// A stream of bytes as it was before it was compressed. The compression (gzip, zstd, xz, bzip2 or none) is
// told by the content, never by a name. Runs in the sandboxed children that unpack layers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/archive/hash.h"

struct archive;

namespace image {

class Gunzip;

inline constexpr size_t kBufferBytes = 256U << 10U;  // stays in the second-level cache between stages

// Where bytes come from: a part of a file, or all that a pipe gives.
struct Input {
  int fd = -1;
  std::optional<uint64_t> offset;  // absent: read(2) from where it is, until its end
  uint64_t size = 0;               // with offset
};

enum class Compression { kNone, kGzip, kZstd, kOther };

// What these first bytes of a file, 8 or more, say.
Compression compression_of(std::string_view start);

// Reads an Input in buffers and hashes what it reads, if that is wanted.
class InputReader {
 public:
  static Result<InputReader> make(const Input& input, std::optional<DigestAlgorithm> algorithm);
  // The next bytes, empty at the end; valid until the next call. The first ones are at least 8, if there are
  // as many. kCorrupt when the file is shorter than it should be.
  Result<std::string_view> next();
  uint64_t bytes_read() const { return done_; }
  // Of all that was read; empty when it is not wanted. To be called once.
  Result<std::optional<Digest>> digest();

 private:
  InputReader(const Input& input, std::optional<Hasher> hasher)
      : input_(input), hasher_(std::move(hasher)), buffer_(kBufferBytes) {}
  Result<size_t> read_some(size_t from);

  Input input_;
  std::optional<Hasher> hasher_;
  std::vector<char> buffer_;
  uint64_t done_ = 0;
};

class Inflater {
 public:
  // `reader` is borrowed and must stay where it is. The compressed bytes, as they are read, are also written
  // to `keep_fd` (unless it is -1) when they are in a form that registries take: gzip or zstd.
  static Result<Inflater> make(InputReader& reader, int keep_fd = -1);
  Inflater(Inflater&& other) noexcept;
  Inflater& operator=(Inflater&&) = delete;
  ~Inflater();
  // The next unpacked bytes, empty at the end. kCorrupt for damaged data.
  Result<std::string_view> next();
  Compression compression() const { return compression_; }

 private:
  struct Callbacks;  // what libarchive calls back into
  struct Free {
    void operator()(archive* archive) const;
    void operator()(Callbacks* callbacks) const;
  };
  explicit Inflater(InputReader& reader);
  Result<void> open_archive();
  Result<std::string_view> next_input();
  Result<std::string_view> next_of_gzip();
  Result<std::string_view> next_of_archive();
  Result<std::string_view> drain();

  InputReader* reader_;
  int keep_fd_ = -1;
  Compression compression_ = Compression::kNone;
  std::string_view first_;  // looked at to tell the compression
  bool first_pending_ = true;
  std::unique_ptr<Gunzip> gunzip_;
  std::unique_ptr<Callbacks, Free> callbacks_;
  std::unique_ptr<archive, Free> archive_;
};

}  // namespace image
