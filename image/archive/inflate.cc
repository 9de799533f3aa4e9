#include "image/archive/inflate.h"

#include <archive.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/gzip.h"

namespace image {

namespace {

constexpr size_t kMagicBytes = 8;  // enough to tell any compression

}  // namespace

struct Inflater::Callbacks {
  Inflater* inflater;
  std::optional<Error> error;

  static la_ssize_t read(archive* /*archive*/, void* self, const void** buffer) {
    auto* callbacks = static_cast<Callbacks*>(self);
    auto next = callbacks->inflater->next_input();
    if (!next) {
      callbacks->error = next.error();
      return -1;
    }
    *buffer = next->data();
    return static_cast<la_ssize_t>(next->size());
  }
};

void Inflater::Free::operator()(archive* archive) const {
  ::archive_read_free(archive);
}
void Inflater::Free::operator()(Callbacks* callbacks) const {
  delete callbacks;  // NOLINT(cppcoreguidelines-owning-memory): the deleter of a unique_ptr to a private type
}

Compression compression_of(std::string_view start) {
  // RFC 1952, RFC 8878 (frames, then skippable frames), the xz file format 2.1.1.1, bzip2.
  if (start.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (start.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  if (start.starts_with(std::string_view("\xfd\x37\x7a\x58\x5a\x00", 6)) || start.starts_with("BZh"))
    return Compression::kOther;
  const bool skippable =
      start.size() >= 4 && start.substr(1, 3) == "\x2a\x4d\x18" && (start[0] & 0xf0) == 0x50;
  return skippable ? Compression::kZstd : Compression::kNone;
}

Result<InputReader> InputReader::make(const Input& input, std::optional<DigestAlgorithm> algorithm) {
  std::optional<Hasher> hasher;
  if (algorithm) hasher = TRY(Hasher::make(*algorithm));
  return InputReader(input, std::move(hasher));
}

Result<std::optional<Digest>> InputReader::digest() {
  if (!hasher_) return std::optional<Digest>();
  Digest found = TRY(hasher_->finish());
  return std::optional(std::move(found));
}

// Into the buffer behind `from`.
Result<size_t> InputReader::read_some(size_t from) {
  const std::span<char> room = std::span(buffer_).subspan(from);
  if (!input_.offset) return sys::read(input_.fd, room);
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(room.size(), input_.size - done_));
  if (wanted == 0) return size_t{0};
  ssize_t got = 0;
  do {
    got = ::pread(input_.fd, room.data(), wanted, static_cast<off_t>(*input_.offset + done_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error::from_errno("read archive", errno);
  if (got == 0) return corrupt("the archive is truncated");
  return static_cast<size_t>(got);
}

Result<std::string_view> InputReader::next() {
  const bool is_first = done_ == 0;
  size_t count = 0;
  do {
    const size_t more = TRY_IN("read archive", read_some(count));
    if (more == 0) break;
    count += more;
    done_ += more;
  } while (is_first && count < kMagicBytes);
  const std::string_view bytes(buffer_.data(), count);
  if (hasher_) hasher_->update(bytes);
  return bytes;
}

Inflater::Inflater(InputReader& reader) : reader_(&reader) {}
Inflater::Inflater(Inflater&& other) noexcept = default;
Inflater::~Inflater() = default;

Result<Inflater> Inflater::make(InputReader& reader, int keep_fd) {
  Inflater inflater(reader);
  inflater.first_ = TRY(reader.next());
  inflater.compression_ = compression_of(inflater.first_);
  const bool as_registries_take_it =
      inflater.compression_ == Compression::kGzip || inflater.compression_ == Compression::kZstd;
  if (as_registries_take_it) inflater.keep_fd_ = keep_fd;
  if (inflater.compression_ == Compression::kGzip) inflater.gunzip_ = std::make_unique<Gunzip>();
  return inflater;
}

Result<void> Inflater::open_archive() {
  callbacks_.reset(new Callbacks{this, std::nullopt});
  archive_.reset(::archive_read_new());
  archive* handle = archive_.get();
  if (handle == nullptr) return Error::from_errno("archive_read_new", ENOMEM);
  ::archive_read_support_filter_zstd(handle);
  ::archive_read_support_filter_xz(handle);
  ::archive_read_support_filter_bzip2(handle);
  ::archive_read_support_format_raw(handle);
  archive_entry* entry = nullptr;
  if (::archive_read_open(handle, callbacks_.get(), nullptr, Callbacks::read, nullptr) == ARCHIVE_OK) {
    const int status = ::archive_read_next_header(handle, &entry);
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN || status == ARCHIVE_EOF) return ok();
  }
  if (callbacks_->error) return *callbacks_->error;
  const char* text = ::archive_error_string(handle);
  return corrupt(std::string("can't decompress: ") + (text != nullptr ? text : "unknown format"));
}

// Bytes as they are in the input.
Result<std::string_view> Inflater::next_input() {
  const std::string_view bytes = std::exchange(first_pending_, false) ? first_ : TRY(reader_->next());
  if (keep_fd_ >= 0) TRY_IN("keep the layer", write_all(keep_fd_, bytes));
  return bytes;
}

Result<std::string_view> Inflater::next() {
  switch (compression_) {
    case Compression::kNone:
      return next_input();
    case Compression::kGzip:
      return next_of_gzip();
    case Compression::kZstd:
    case Compression::kOther:
      return next_of_archive();
  }
  return std::string_view();
}

// What follows the compressed stream belongs to the blob, and so to its digest.
Result<std::string_view> Inflater::drain() {
  for (;;) {
    const std::string_view rest = TRY(next_input());
    if (rest.empty()) return rest;
  }
}

Result<std::string_view> Inflater::next_of_gzip() {
  for (;;) {
    const std::string_view bytes = TRY(gunzip_->next());
    if (!bytes.empty()) return bytes;
    const std::string_view more = TRY(next_input());
    if (more.empty()) {
      if (!gunzip_->at_end()) return corrupt("can't decompress: truncated gzip input");
      return more;
    }
    gunzip_->give(more);
  }
}

Result<std::string_view> Inflater::next_of_archive() {
  if (!archive_) TRY(open_archive());
  const void* data = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int status = ::archive_read_data_block(archive_.get(), &data, &size, &offset);
    if (status == ARCHIVE_OK && size == 0) continue;
    if (status == ARCHIVE_OK) return std::string_view(static_cast<const char*>(data), size);
    if (status == ARCHIVE_EOF) return drain();
    if (callbacks_->error) return *callbacks_->error;
    const char* text = ::archive_error_string(archive_.get());
    return corrupt(std::string("can't decompress: ") + (text != nullptr ? text : "damaged data"));
  }
}

}  // namespace image
