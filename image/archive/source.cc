#include "image/archive/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "image/archive/archive_ptr.h"
#include "image/archive/entry_path.h"
#include "image/archive/feed.h"
#include "image/archive/report.h"
#include "image/archive/sandbox.h"

namespace image {

namespace {

constexpr size_t kMaxOuterEntries = 100'000;
constexpr int kMaxLinks = 8;

// Gives libarchive one tar block at a time, so that after a header was read `position` is where its data
// starts.
struct BlockReader {
  int fd;
  uint64_t position;
  std::array<char, 512> block;

  static la_ssize_t read(archive* handle, void* self, const void** out) {
    auto* reader = static_cast<BlockReader*>(self);
    const ssize_t count =
        ::pread(reader->fd, reader->block.data(), reader->block.size(), static_cast<off_t>(reader->position));
    if (count < 0) ::archive_set_error(handle, errno, "read failed");
    if (count > 0) reader->position += static_cast<uint64_t>(count);
    *out = reader->block.data();
    return count;
  }
  static la_int64_t skip(archive* /*handle*/, void* self, la_int64_t count) {
    static_cast<BlockReader*>(self)->position += static_cast<uint64_t>(count);
    return count;
  }
};

Result<std::string> outer_name(const char* name) {
  if (name == nullptr) return corrupt("a name in the archive can't be decoded");
  const EntryPath path = TRY(parse_entry_path(name, Limits{}));
  return join(path, "/");
}

// "a/b/layer.tar" -> "../c/layer.tar": where a link leads, by the names alone.
Result<std::string> follow_link(const std::string& from, std::string_view target) {
  std::vector<std::string> parts = split(from, '/');
  parts.pop_back();
  if (target.starts_with('/')) parts.clear();
  for (const auto& part : split(target, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) return invalid("a link in the archive leads out of it");
      parts.pop_back();
      continue;
    }
    parts.push_back(part);
  }
  return join(parts, "/");
}

// Records fNAME, OFFSET, SIZE for a file and lNAME, TARGET for a link.
Result<void> index_entry(archive_entry* entry, uint64_t position, uint64_t file_size,
                         std::vector<std::string>& records) {
  const std::string name = TRY(outer_name(::archive_entry_pathname(entry)));
  if (const char* target = ::archive_entry_hardlink(entry)) {
    records.push_back("l" + name);
    records.push_back(TRY(outer_name(target)));
    return ok();
  }
  if (::archive_entry_filetype(entry) == AE_IFLNK) {
    const char* target = ::archive_entry_symlink(entry);
    records.push_back("l" + name);
    records.push_back(TRY(follow_link(name, target != nullptr ? target : "")));
    return ok();
  }
  if (::archive_entry_filetype(entry) != AE_IFREG) return ok();
  const la_int64_t size = ::archive_entry_size(entry);
  const bool sparse = ::archive_entry_sparse_count(entry) > 0;
  if (sparse) return unsupported("'" + printable(name) + "' is sparse; repack the archive without --sparse");
  if (size < 0 || position > file_size || static_cast<uint64_t>(size) > file_size - position)
    return corrupt("the archive is truncated: '" + printable(name) + "' is not whole");
  records.push_back("f" + name);
  records.push_back(std::to_string(position));
  records.push_back(std::to_string(size));
  return ok();
}

Result<std::vector<std::string>> index_entries(int fd, uint64_t start, uint64_t file_size) {
  const ArchivePtr handle(::archive_read_new());
  if (!handle) return Error::from_errno("archive_read_new", ENOMEM);
  ::archive_read_support_format_tar(handle.get());
  BlockReader reader{fd, start, {}};
  const auto failure = [&]() -> Error {
    const char* text = ::archive_error_string(handle.get());
    return corrupt(std::string("not a readable tar: ") + (text != nullptr ? text : "unknown error"));
  };
  if (::archive_read_open2(handle.get(), &reader, nullptr, BlockReader::read, BlockReader::skip, nullptr) !=
      ARCHIVE_OK) {
    return failure();
  }
  std::vector<std::string> records;
  for (size_t count = 0;; ++count) {
    archive_entry* entry = nullptr;
    const int status = ::archive_read_next_header(handle.get(), &entry);
    if (status == ARCHIVE_EOF) return records;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return failure();
    if (count == kMaxOuterEntries) return invalid("the archive has too many entries to be an image");
    TRY(index_entry(entry, reader.position, file_size, records));
  }
}

// A plain copy of what can't be read in place.
Result<Fd> spool(int from_fd, const std::string& scratch, const Limits& limits) {
  Fd file = TRY(sys::open(scratch.c_str(), O_TMPFILE | O_RDWR, 0600));
  const std::string empty = scratch + "/empty";
  FeedRequest request;
  request.input.fd = from_fd;
  request.max_bytes = limits.max_bytes;
  request.limits = limits;
  Feeder feeder = TRY(Feeder::start(request, file.get(), empty));
  TRY(feeder.finish());
  return file;
}

Result<bool> starts_compressed(int fd, uint64_t offset) {
  std::array<char, 8> start = {};
  const ssize_t count = ::pread(fd, start.data(), start.size(), static_cast<off_t>(offset));
  if (count < 0) return Error::from_errno("read archive", errno);
  return compression_of({start.data(), static_cast<size_t>(count)}) != Compression::kNone;
}

}  // namespace

Result<Source> Source::open(const std::string& path, const std::string& scratch, const Limits& limits) {
  Source source;
  TRY(make_directories(scratch + "/empty", 0755));
  if (path == "-") {
    source.file_ = TRY(sys::dup(STDIN_FILENO));
  } else {
    auto file = sys::open(path.c_str(), O_RDONLY);
    if (!file) return Error::from_errno("open " + printable(path), file.error().error_number());
    source.file_ = std::move(*file);
  }
  const struct stat status = TRY(sys::fstat(source.file_.get()));
  source.is_directory_ = S_ISDIR(status.st_mode);
  if (source.is_directory_) return source;
  const off_t here = S_ISREG(status.st_mode) ? ::lseek(source.file_.get(), 0, SEEK_CUR) : -1;
  source.start_ = here > 0 ? static_cast<uint64_t>(here) : 0;
  bool plain = here >= 0;
  if (plain) {
    const bool compressed = TRY(starts_compressed(source.file_.get(), source.start_));
    plain = !compressed;
  }
  if (!plain) {
    source.file_ = TRY(spool(source.file_.get(), scratch, limits));
    source.start_ = 0;
  }
  TRY(source.index_tar(scratch + "/empty"));
  return source;
}

Result<void> Source::index_tar(const std::string& empty_directory) {
  const struct stat status = TRY(sys::fstat(file_.get()));
  if (static_cast<uint64_t>(status.st_size) <= start_) return corrupt("the archive is empty");
  const Fd report = TRY(make_report());
  const Sandbox sandbox{.process_name = "vial:index",
                        .root = empty_directory,
                        .read_only = true,
                        .capabilities = 0,
                        .descriptors = {file_.get(), report.get()}};
  SandboxedChild child = TRY(start_sandboxed(sandbox, [&] {
    auto records = index_entries(file_.get(), start_, static_cast<uint64_t>(status.st_size));
    if (!records) write_failure(report.get(), records.error());
    return records && write_report(report.get(), *records) ? 0 : 1;
  }));
  TRY(child.wait());
  const auto records = TRY(read_report(report.get()));
  for (size_t i = 0; i < records.size();) {
    const bool is_file = records[i].starts_with('f');
    const size_t fields = is_file ? 3 : 2;
    if (records.size() - i < fields) return corrupt("unreadable answer");
    const std::string name = records[i].substr(1);
    if (is_file) {
      const uint64_t offset = TRY(parse_uint(records[i + 1]));
      const uint64_t size = TRY(parse_uint(records[i + 2]));
      places_[name] = Place{offset, size};
      links_.erase(name);
    } else {
      links_[name] = records[i + 1];
      places_.erase(name);
    }
    i += fields;
  }
  return ok();
}

bool Source::has(const std::string& name) {
  return find(name).has_value();
}

Result<Input> Source::find(const std::string& name) {
  if (is_directory_) return find_in_directory(name);
  std::string at = name;
  for (int i = 0; i < kMaxLinks; ++i) {
    const auto link = links_.find(at);
    if (link == links_.end()) break;
    at = link->second;
  }
  const auto place = places_.find(at);
  if (place == places_.end()) return corrupt("the archive has no file '" + printable(name) + "'");
  return Input{file_.get(), place->second.offset, place->second.size};
}

Result<Input> Source::find_in_directory(const std::string& name) {
  auto opened = opened_.find(name);
  if (opened == opened_.end()) {
    constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
    auto file = sys::openat2(file_.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, kResolve);
    if (!file) return corrupt("the layout has no file '" + printable(name) + "'");
    opened = opened_.emplace(name, std::move(*file)).first;
  }
  const struct stat status = TRY(sys::fstat(opened->second.get()));
  if (!S_ISREG(status.st_mode)) return corrupt("'" + printable(name) + "' is not a regular file");
  return Input{opened->second.get(), 0, static_cast<uint64_t>(status.st_size)};
}

Result<std::string> Source::read(const std::string& name, size_t limit) {
  const Input input = TRY(find(name));
  if (input.size > limit)
    return invalid("'" + printable(name) + "' is larger than " + std::to_string(limit) + " bytes");
  std::string bytes(input.size, '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::pread(input.fd, bytes.data() + done, bytes.size() - done,
                                  static_cast<off_t>(input.offset.value_or(0) + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("read '" + printable(name) + "'", errno);
    if (count == 0) return corrupt("the archive is truncated");
    done += static_cast<size_t>(count);
  }
  return bytes;
}

}  // namespace image
