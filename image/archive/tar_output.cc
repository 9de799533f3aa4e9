#include "image/archive/tar_output.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include "base/syscalls.h"
#include "image/archive/hash.h"
#include "image/archive/inflate.h"

namespace image {

namespace {

constexpr int kWriteBytes = 256 << 10;
constexpr int kTarRecord = 10240;  // what tar(1) pads to
constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

struct FreeEntry {
  void operator()(archive_entry* entry) const { ::archive_entry_free(entry); }
};

}  // namespace

void TarOutput::Free::operator()(archive* archive) const {
  ::archive_write_free(archive);
}

Error TarOutput::failure() const {
  const int number = ::archive_errno(archive_.get());
  return Error::from_errno("write archive", number > 0 ? number : EIO);
}

Result<TarOutput> TarOutput::make(int fd) {
  TarOutput output;
  output.archive_.reset(::archive_write_new());
  archive* handle = output.archive_.get();
  if (handle == nullptr) return Error::from_errno("archive_write_new", ENOMEM);
  ::archive_write_set_format_pax_restricted(handle);  // ustar unless a member needs more
  ::archive_write_set_bytes_per_block(handle, kWriteBytes);
  ::archive_write_set_bytes_in_last_block(handle, kTarRecord);
  if (::archive_write_open_fd(handle, fd) != ARCHIVE_OK) return output.failure();
  return output;
}

Result<void> TarOutput::begin(const std::string& name, unsigned type, uint64_t size) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(::archive_entry_new());
  if (!entry) return Error::from_errno("archive_entry_new", ENOMEM);
  ::archive_entry_set_pathname(entry.get(), name.c_str());
  ::archive_entry_set_filetype(entry.get(), type);
  ::archive_entry_set_perm(entry.get(), type == AE_IFDIR ? kDirectoryMode : kFileMode);
  ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  ::archive_entry_set_mtime(entry.get(), 0, 0);
  if (::archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK) return failure();
  return ok();
}

Result<void> TarOutput::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const la_ssize_t count = ::archive_write_data(archive_.get(), bytes.data(), bytes.size());
    if (count <= 0) return failure();
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return ok();
}

Result<void> TarOutput::add_directory(const std::string& name) {
  return begin(name, AE_IFDIR, 0);
}

Result<void> TarOutput::add_file(const std::string& name, std::string_view bytes) {
  TRY(begin(name, AE_IFREG, bytes.size()));
  return write(bytes);
}

Result<void> TarOutput::add_blob(const std::string& name, const std::string& path, const Digest& digest) {
  const Fd file = TRY(sys::open(path.c_str(), O_RDONLY | O_NOFOLLOW));
  const struct stat status = TRY(sys::fstat(file.get()));
  TRY(begin(name, AE_IFREG, static_cast<uint64_t>(status.st_size)));
  const Input whole{file.get(), 0, static_cast<uint64_t>(status.st_size)};
  InputReader reader = TRY(InputReader::make(whole, digest.algorithm()));
  for (;;) {
    const std::string_view bytes = TRY(reader.next());
    if (bytes.empty()) break;
    TRY(write(bytes));
  }
  const auto actual = TRY(reader.digest());
  if (actual == digest) return ok();
  return corrupt("the blob " + digest.text() + " is damaged; `vial system check` says which images need it");
}

Result<void> TarOutput::add_member(const TarMember& member, int content_fd) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(::archive_entry_new());
  if (!entry) return Error::from_errno("archive_entry_new", ENOMEM);
  ::archive_entry_copy_stat(entry.get(), &member.status);
  ::archive_entry_unset_atime(entry.get());
  ::archive_entry_unset_ctime(entry.get());
  ::archive_entry_set_pathname(entry.get(), member.name.c_str());
  const bool has_content = S_ISREG(member.status.st_mode) && !member.is_hard_link;
  if (!has_content) ::archive_entry_set_size(entry.get(), 0);
  if (member.is_hard_link) {
    ::archive_entry_set_hardlink(entry.get(), member.link.c_str());
  } else if (S_ISLNK(member.status.st_mode)) {
    ::archive_entry_set_symlink(entry.get(), member.link.c_str());
  }
  for (const auto& [name, value] : member.xattrs)
    ::archive_entry_xattr_add_entry(entry.get(), name.c_str(), value.data(), value.size());
  const int status = ::archive_write_header(archive_.get(), entry.get());
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
    return failure();  // a warning: bytes that are not UTF-8
  return has_content ? copy_content(content_fd, static_cast<uint64_t>(member.status.st_size)) : ok();
}

Result<void> TarOutput::copy_content(int fd, uint64_t size) {
  std::vector<char> buffer(std::min<uint64_t>(std::max<uint64_t>(size, 1), kBufferBytes));
  while (size > 0) {
    const std::span<char> room(buffer.data(), std::min<uint64_t>(size, buffer.size()));
    size_t count = TRY(sys::read(fd, room));
    if (count == 0) {
      std::fill(room.begin(), room.end(), '\0');
      count = room.size();
    }
    TRY(write({buffer.data(), count}));
    size -= count;
  }
  return ok();
}

Result<void> TarOutput::finish() {
  if (::archive_write_close(archive_.get()) != ARCHIVE_OK) return failure();
  return ok();
}

}  // namespace image
