#include "image/archive/inflate.h"

#include <archive.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"

namespace image {

struct Inflater::Callbacks {
  InputReader* reader;
  std::string_view pending;  // read before libarchive asked
  std::optional<Error> error;

  static la_ssize_t read(archive* /*archive*/, void* self, const void** buffer) {
    auto* callbacks = static_cast<Callbacks*>(self);
    std::string_view bytes = std::exchange(callbacks->pending, {});
    if (bytes.empty()) {
      auto next = callbacks->reader->next();
      if (!next) {
        callbacks->error = next.error();
        return -1;
      }
      bytes = *next;
    }
    *buffer = bytes.data();
    return static_cast<la_ssize_t>(bytes.size());
  }
};

void Inflater::Free::operator()(archive* archive) const {
  ::archive_read_free(archive);
}
void Inflater::Free::operator()(Callbacks* callbacks) const {
  delete callbacks;  // NOLINT(cppcoreguidelines-owning-memory): the deleter of a unique_ptr to a private type
}

bool is_compressed(std::string_view start) {
  // RFC 1952, RFC 8878 (frames, then skippable frames), the xz file format 2.1.1.1, bzip2.
  constexpr std::string_view kMagics[] = {
      "\x1f\x8b", "\x28\xb5\x2f\xfd", {"\xfd\x37\x7a\x58\x5a\x00", 6}, "BZh"};
  for (const auto magic : kMagics) {
    if (start.starts_with(magic)) return true;
  }
  return start.size() >= 4 && start.substr(1, 3) == "\x2a\x4d\x18" && (start[0] & 0xf0) == 0x50;
}

Result<InputReader> InputReader::make(const Input& input, DigestAlgorithm algorithm) {
  Hasher hasher = TRY(Hasher::make(algorithm));
  return InputReader(input, std::move(hasher));
}

Result<std::string_view> InputReader::next() {
  size_t count = 0;
  if (input_.offset) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), input_.size - done_));
    if (wanted == 0) return std::string_view();
    ssize_t got = 0;
    do {
      got = ::pread(input_.fd, buffer_.data(), wanted, static_cast<off_t>(*input_.offset + done_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error::from_errno("read archive", errno);
    if (got == 0) return corrupt("the archive is truncated");
    count = static_cast<size_t>(got);
  } else {
    count = TRY_IN("read archive", sys::read(input_.fd, buffer_));
  }
  done_ += count;
  const std::string_view bytes(buffer_.data(), count);
  hasher_.update(bytes);
  return bytes;
}

Result<Inflater> Inflater::make(InputReader& reader) {
  Inflater inflater(reader);
  inflater.first_ = TRY(reader.next());
  if (image::is_compressed(inflater.first_)) TRY(inflater.open_archive());
  return inflater;
}

Result<void> Inflater::open_archive() {
  callbacks_.reset(new Callbacks{reader_, first_, std::nullopt});
  archive_.reset(::archive_read_new());
  archive* handle = archive_.get();
  if (handle == nullptr) return Error::from_errno("archive_read_new", ENOMEM);
  ::archive_read_support_filter_gzip(handle);
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

Result<std::string_view> Inflater::next() {
  if (!archive_) {
    if (std::exchange(first_pending_, false)) return first_;
    return reader_->next();
  }
  const void* data = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int status = ::archive_read_data_block(archive_.get(), &data, &size, &offset);
    if (status == ARCHIVE_OK && size == 0) continue;
    if (status == ARCHIVE_OK) return std::string_view(static_cast<const char*>(data), size);
    if (status == ARCHIVE_EOF) break;
    if (callbacks_->error) return *callbacks_->error;
    const char* text = ::archive_error_string(archive_.get());
    return corrupt(std::string("can't decompress: ") + (text != nullptr ? text : "damaged data"));
  }
  // What follows the compressed stream belongs to the blob, and so to its digest.
  for (;;) {
    const std::string_view rest = TRY(reader_->next());
    if (rest.empty()) return rest;
  }
}

}  // namespace image
