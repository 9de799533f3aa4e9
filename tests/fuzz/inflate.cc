// Compressed layers. Beyond crashes: what our gzip reader and libarchive's both accept is the same bytes.
#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "base/syscalls.h"
#include "image/archive/inflate.h"

namespace {

constexpr size_t kMost = 8U << 20U;

// False when it is not accepted, or too much.
bool by_us(std::string_view bytes, std::string& out) {
  auto file = sys::memfd_create("fuzz", 0);
  if (!file || !write_all(file->get(), bytes)) std::abort();
  auto reader =
      image::InputReader::make(image::Input{file->get(), 0, bytes.size()}, image::DigestAlgorithm::kSha256);
  auto inflater = image::Inflater::make(*reader);
  if (!inflater) return false;
  for (;;) {
    const auto next = inflater->next();
    if (!next || out.size() > kMost) return false;
    if (next->empty()) return true;
    out += *next;
  }
}

bool by_libarchive(std::string_view bytes, std::string& out) {
  archive* handle = ::archive_read_new();
  ::archive_read_support_filter_gzip(handle);
  ::archive_read_support_format_raw(handle);
  archive_entry* entry = nullptr;
  bool accepted = ::archive_read_open_memory(handle, bytes.data(), bytes.size()) == ARCHIVE_OK &&
                  ::archive_read_next_header(handle, &entry) == ARCHIVE_OK;
  while (accepted) {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int status = ::archive_read_data_block(handle, &data, &size, &offset);
    if (status == ARCHIVE_EOF) break;
    accepted = status == ARCHIVE_OK && out.size() < kMost;
    if (accepted) out.append(static_cast<const char*>(data), size);
  }
  ::archive_read_free(handle);
  return accepted;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string ours;
  const bool accepted = by_us(bytes, ours);
  if (!accepted || image::compression_of(bytes) != image::Compression::kGzip) return 0;
  std::string theirs;
  if (by_libarchive(bytes, theirs) && ours != theirs) {
    std::fprintf(stderr, "fuzz: %zu bytes instead of %zu\n", ours.size(), theirs.size());
    std::abort();
  }
  return 0;
}
