#include "image/archive/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <locale.h>  // NOLINT(modernize-deprecated-headers): newlocale
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "image/archive/archive_ptr.h"
#include "image/archive/hash.h"
#include "image/archive/inflate.h"
#include "image/archive/layer_writer.h"
#include "image/archive/report.h"

namespace image {

namespace {

constexpr uint64_t kUnpackCapabilities = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER |
                                         1ULL << CAP_FSETID | 1ULL << CAP_SETFCAP | 1ULL << CAP_MKNOD;

// libarchive decodes pax names by the locale; in this one bytes stay what they are.
class BytesLocale {
 public:
  BytesLocale() : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (utf8_ != nullptr) before_ = ::uselocale(utf8_);
  }
  ~BytesLocale() {
    if (utf8_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(utf8_);
  }
  BytesLocale(const BytesLocale&) = delete;
  BytesLocale& operator=(const BytesLocale&) = delete;

 private:
  locale_t utf8_;
  locale_t before_ = nullptr;
};

// Feeds libarchive, and remembers why reading failed.
struct SourceReader {
  const TarSource& source;
  std::optional<Error> error;

  static la_ssize_t read(archive* handle, void* self, const void** out) {
    auto* reader = static_cast<SourceReader*>(self);
    auto bytes = reader->source();
    if (!bytes) {
      reader->error = bytes.error();
      ::archive_set_error(handle, EIO, "%s", bytes.error().text().c_str());
      return -1;
    }
    *out = bytes->data();
    return static_cast<la_ssize_t>(bytes->size());
  }
};

Error archive_failure(archive* handle) {
  const char* text = ::archive_error_string(handle);
  return corrupt(std::string("not a readable tar: ") + (text != nullptr ? text : "unknown error"));
}

Result<ArchivePtr> open_tar(SourceReader& reader) {
  ArchivePtr handle(::archive_read_new());
  if (!handle) return Error::from_errno("archive_read_new", ENOMEM);
  ::archive_read_support_format_tar(handle.get());
  ::archive_read_support_format_empty(handle.get());
  if (::archive_read_open(handle.get(), &reader, nullptr, SourceReader::read, nullptr) != ARCHIVE_OK)
    return archive_failure(handle.get());
  return handle;
}

// Copies a file's content; what the archive leaves out (sparse) stays a hole.
Result<void> copy_content(archive* handle, uint64_t size, int fd) {
  uint64_t end = 0;
  for (;;) {
    const void* data = nullptr;
    size_t count = 0;
    la_int64_t offset = 0;
    const int status = ::archive_read_data_block(handle, &data, &count, &offset);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK) return archive_failure(handle);
    const auto start = static_cast<uint64_t>(offset);
    if (offset < 0 || start > size || count > size - start) return corrupt("has data behind its end");
    for (size_t done = 0; done < count;) {
      const ssize_t written = ::pwrite(fd, static_cast<const char*>(data) + done, count - done,
                                       offset + static_cast<la_int64_t>(done));
      if (written < 0 && errno != EINTR) return Error::from_errno("write", errno);
      if (written > 0) done += static_cast<size_t>(written);
    }
    end = std::max(end, start + count);
  }
  if (end < size) return sys::ftruncate(fd, static_cast<off_t>(size));
  return ok();
}

Result<void> read_xattrs(archive_entry* from, const Limits& limits, Entry& entry) {
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  size_t total = 0;
  ::archive_entry_xattr_reset(from);
  while (::archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
    if (name == nullptr) continue;
    const std::string key = name;
    total += key.size() + size;
    if (total > limits.max_xattr_bytes) return invalid("has too many extended attributes");
    if (is_kept_xattr(key))
      entry.xattrs.emplace_back(key, std::string(static_cast<const char*>(value), size));
  }
  return ok();
}

Result<void> read_owner_and_time(archive_entry* from, Entry& entry) {
  const la_int64_t uid = ::archive_entry_uid(from);
  const la_int64_t gid = ::archive_entry_gid(from);
  // 4294967295 is -1, which chown(2) takes for "leave it": the file would silently be root's.
  constexpr la_int64_t kMaxId = 4294967294;
  if (uid < 0 || uid > kMaxId || gid < 0 || gid > kMaxId)
    return invalid("has an owner that no file can have");
  entry.uid = static_cast<uid_t>(uid);
  entry.gid = static_cast<gid_t>(gid);
  entry.mtime = {::archive_entry_mtime(from), ::archive_entry_mtime_nsec(from)};
  constexpr time_t kMaxTime = 1LL << 34U;  // the year 2514; ext4 ends at 2446
  if (entry.mtime.tv_sec > kMaxTime || entry.mtime.tv_sec < -kMaxTime)
    return invalid("has a time that no file can have");
  return ok();
}

Result<Entry> read_entry(archive_entry* from, const Limits& limits) {
  Entry entry;
  const char* name = ::archive_entry_pathname(from);
  if (name == nullptr) return corrupt("an entry's name can't be decoded");
  entry.path = TRY(parse_entry_path(name, limits));
  const auto read = [&]() -> Result<void> {
    entry.mode = ::archive_entry_mode(from);
    TRY(read_owner_and_time(from, entry));
    if (const char* target = ::archive_entry_hardlink(from)) {
      entry.is_hard_link = true;
      entry.hard_link = TRY_IN("hard link", parse_entry_path(target, limits));
      return ok();
    }
    if (const char* target = ::archive_entry_symlink(from)) entry.link_target = target;
    if (S_ISLNK(entry.mode) && entry.link_target.empty()) return invalid("is a symbolic link to nothing");
    entry.device = ::archive_entry_rdev(from);
    return read_xattrs(from, limits, entry);
  };
  TRY_IN("'" + printable(name) + "'", read());
  return entry;
}

// The size of a file, counted against the limit before anything of it is written.
Result<uint64_t> claim_size(archive_entry* from, const Entry& entry, uint64_t used, const Limits& limits) {
  if (!S_ISREG(entry.mode) || entry.is_hard_link) return uint64_t{0};
  const la_int64_t size = ::archive_entry_size(from);
  if (size < 0) return corrupt("a file has a negative size");
  const auto wanted = static_cast<uint64_t>(size);
  if (used > limits.max_bytes || wanted > limits.max_bytes - used) {
    return invalid("'" + printable(entry_path_text(entry.path)) + "' has " + human_size(wanted) +
                   ": the layer would be larger than " + human_size(limits.max_bytes) +
                   "; --max-bytes allows more");
  }
  return wanted;
}

Result<void> unpack_entry(archive* handle, archive_entry* from, LayerWriter& writer, const Limits& limits,
                          UnpackAnswer& answer) {
  if (++answer.entries > limits.max_entries)
    return invalid("the layer has more than " + std::to_string(limits.max_entries) + " entries");
  Entry entry = TRY(read_entry(from, limits));
  const EntryKind kind = TRY(classify_entry(entry.path));
  if (kind == EntryKind::kIgnored) return ok();
  if (kind != EntryKind::kPlain) {
    if (S_ISDIR(entry.mode) && !entry.is_hard_link)
      return invalid("the whiteout of '" + printable(entry_path_text(entry.path)) + "' is a directory");
    return kind == EntryKind::kOpaque ? writer.add_opaque(entry.path) : writer.add_whiteout(entry.path);
  }
  const uint64_t size = TRY(claim_size(from, entry, answer.size_bytes, limits));
  answer.size_bytes += size;
  return writer.add(entry, [&](int fd) { return copy_content(handle, size, fd); });
}

// All entries, then what follows the end mark: it is part of the diff id.
Result<void> unpack_entries(SourceReader& reader, LayerWriter& writer, const Limits& limits,
                            UnpackAnswer& answer) {
  const ArchivePtr handle = TRY(open_tar(reader));
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = ::archive_read_next_header(handle.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return archive_failure(handle.get());
    TRY(unpack_entry(handle.get(), entry, writer, limits, answer));
  }
  for (;;) {
    const std::string_view rest = TRY(reader.source());
    if (rest.empty()) return ok();
  }
}

std::vector<std::string> to_records(const UnpackAnswer& answer) {
  std::vector<std::string> records = {answer.diff_id->text(), std::to_string(answer.size_bytes),
                                      std::to_string(answer.entries), answer.replaced ? "replaced" : "-"};
  for (const auto& path : answer.opaque)
    records.push_back("o" + entry_path_text(path));
  for (const auto& path : answer.implied)
    records.push_back("i" + entry_path_text(path));
  return records;
}

Result<UnpackAnswer> from_records(const std::vector<std::string>& records, const Limits& limits) {
  constexpr size_t kFixed = 4;
  if (records.size() < kFixed) return corrupt("unreadable answer");
  UnpackAnswer answer;
  answer.diff_id = TRY(Digest::parse(records[0]));
  answer.size_bytes = TRY(parse_uint(records[1]));
  answer.entries = TRY(parse_uint(records[2]));
  answer.replaced = records[3] == "replaced";
  for (size_t i = kFixed; i < records.size(); ++i) {
    if (records[i].size() < 2) return corrupt("unreadable answer");
    EntryPath path = TRY(parse_entry_path(std::string_view(records[i]).substr(1), limits));
    (records[i][0] == 'o' ? answer.opaque : answer.implied).push_back(std::move(path));
  }
  return answer;
}

}  // namespace

Result<UnpackAnswer> unpack_tar(const TarSource& source, Fd root, const Limits& limits) {
  const BytesLocale locale;
  ::umask(0);  // the writer creates files with the mode that they are to have
  SourceReader reader{source, std::nullopt};
  LayerWriter writer(std::move(root), limits);
  UnpackAnswer answer;
  auto unpacked = unpack_entries(reader, writer, limits, answer);
  // What stopped the input is the cause of whatever libarchive said of it.
  if (reader.error) return std::move(*reader.error);
  TRY(std::move(unpacked));
  TRY(writer.finish());
  answer.replaced = writer.has_replaced();
  answer.opaque.assign(writer.opaque_directories().begin(), writer.opaque_directories().end());
  answer.implied.assign(writer.implied_directories().begin(), writer.implied_directories().end());
  return answer;
}

TarSource pipe_source(int fd) {
  const auto buffer = std::make_shared<std::vector<char>>(kBufferBytes);
  return [fd, buffer]() -> Result<std::string_view> {
    const size_t count = TRY_IN("read layer", sys::read(fd, *buffer));
    return std::string_view(buffer->data(), count);
  };
}

namespace {

// In the child: the layer's directory is the root. All that comes is hashed.
Result<std::vector<std::string>> unpack_root(const TarSource& source, const UnpackRequest& request) {
  Hasher hasher = TRY(Hasher::make(request.algorithm));
  const TarSource hashed = [&]() -> Result<std::string_view> {
    auto bytes = source();
    if (bytes) hasher.update(*bytes);
    return bytes;
  };
  Fd root = TRY(sys::open("/", O_RDONLY | O_DIRECTORY));
  UnpackAnswer answer = TRY(unpack_tar(hashed, std::move(root), request.limits));
  answer.diff_id = TRY(hasher.finish());
  return to_records(answer);
}

}  // namespace

Result<Unpacker> Unpacker::start(int tar_fd, const UnpackRequest& request) {
  return start_child(request, {tar_fd}, [&] { return unpack_root(pipe_source(tar_fd), request); });
}

Result<Unpacker> Unpacker::start_with_feed(const FeedRequest& feed_request, const UnpackRequest& request) {
  std::vector<int> descriptors = {feed_request.input.fd};
  if (feed_request.keep_fd >= 0) descriptors.push_back(feed_request.keep_fd);
  const auto work = [&]() -> Result<std::vector<std::string>> {
    const std::unique_ptr<Feed> feed = TRY(Feed::make(feed_request));
    const auto unpacked = TRY(unpack_root([&] { return feed->next(); }, request));
    const FeedAnswer fed = TRY(feed->finish());
    auto records = to_records(fed);
    records.insert(records.end(), unpacked.begin(), unpacked.end());
    return records;
  };
  Unpacker unpacker = TRY(start_child(request, std::move(descriptors), work));
  unpacker.has_feed_ = true;
  return unpacker;
}

Result<Unpacker> Unpacker::start_child(const UnpackRequest& request, std::vector<int> descriptors,
                                       const Work& work) {
  Fd report = TRY(make_report());
  const int report_fd = report.get();
  descriptors.push_back(report_fd);
  const Sandbox sandbox{.process_name = "vial:unpack",
                        .root = request.directory,
                        .read_only = false,
                        .capabilities = kUnpackCapabilities,
                        .descriptors = std::move(descriptors)};
  const auto body = [report_fd, &work] {
    auto records = work();
    if (!records) write_failure(report_fd, records.error());
    return records && write_report(report_fd, *records) ? 0 : 1;
  };
  SandboxedChild child = TRY(start_sandboxed(sandbox, body));
  return Unpacker(std::move(child), std::move(report), request.limits);
}

Result<UnpackAnswer> Unpacker::finish() {
  TRY(child_.wait());
  auto records = TRY(read_report(report_.get()));
  std::optional<FeedAnswer> fed;
  if (has_feed_) {
    fed = TRY(feed_answer_of(records));
    records.erase(records.begin(), records.begin() + kFeedRecords);
  }
  UnpackAnswer answer = TRY(from_records(records, limits_));
  answer.fed = std::move(fed);
  return answer;
}

}  // namespace image
