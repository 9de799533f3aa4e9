#include "namespaces/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "base/syscalls.h"

namespace namespaces {
namespace {

constexpr unsigned kDeepest = 128;
constexpr uint64_t kStay = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;

Result<void> set_times(int dir_fd, const char* name, const struct stat& status) {
  const struct timespec times[2] = {status.st_atim, status.st_mtim};
  if (::utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0) return Error::from_errno("utimensat", errno);
  return ok();
}

// Owner first: chown(2) clears the set-user-id bits.
Result<void> set_owner_and_mode(int fd, const struct stat& status) {
  TRY(sys::fchownat(fd, "", status.st_uid, status.st_gid, AT_EMPTY_PATH));
  return sys::fchmod(fd, status.st_mode & 07777U);
}

Result<void> copy_file(int source_dir, int target_dir, const char* name, const struct stat& status) {
  const Fd source = TRY(sys::openat2(source_dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, kStay));
  constexpr mode_t kPrivate = 0600;
  const Fd target = TRY(sys::openat(target_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kPrivate));
  constexpr size_t kChunk = 1U << 20U;
  for (;;) {
    const ssize_t count = ::sendfile(target.get(), source.get(), nullptr, kChunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno("sendfile", errno);
    if (count == 0) break;
  }
  TRY(set_owner_and_mode(target.get(), status));
  return set_times(target_dir, name, status);
}

Result<void> copy_link(int source_dir, int target_dir, const char* name, const struct stat& status) {
  const std::string target = TRY(sys::readlinkat(source_dir, name));
  TRY(sys::symlinkat(target.c_str(), target_dir, name));
  return sys::fchownat(target_dir, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW);
}

Result<void> copy_fifo(int target_dir, const char* name, const struct stat& status) {
  TRY(sys::mknodat(target_dir, name, S_IFIFO | (status.st_mode & 07777U), 0));
  return sys::fchownat(target_dir, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW);
}

Result<void> copy_directory(int source_fd, int target_fd, unsigned depth);

Result<void> copy_entry(int source_dir, int target_dir, const char* name, unsigned depth) {
  const struct stat status = TRY(sys::fstatat(source_dir, name, AT_SYMLINK_NOFOLLOW));
  if (S_ISREG(status.st_mode)) return copy_file(source_dir, target_dir, name, status);
  if (S_ISLNK(status.st_mode)) return copy_link(source_dir, target_dir, name, status);
  if (S_ISFIFO(status.st_mode)) return copy_fifo(target_dir, name, status);
  if (!S_ISDIR(status.st_mode)) return ok();
  auto source = sys::openat2(source_dir, name, O_RDONLY | O_DIRECTORY, 0, kStay);
  if (!source && source.error().error_number() == EXDEV) return ok();  // another mount
  if (!source) return std::move(source).error();
  constexpr mode_t kPrivate = 0700;
  TRY(sys::mkdirat(target_dir, name, kPrivate));
  const Fd target = TRY(sys::openat(target_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(copy_directory(source->get(), target.get(), depth + 1));
  return set_times(target_dir, name, status);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<void> copy_directory(int source_fd, int target_fd, unsigned depth) {
  if (depth > kDeepest) return invalid("more than 128 levels of directories");
  const struct stat status = TRY(sys::fstat(source_fd));
  TRY(set_owner_and_mode(target_fd, status));
  Fd listed = TRY(sys::openat(source_fd, ".", O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(listed.get()));
  if (!directory) return Error::from_errno("fdopendir", errno);
  listed.release();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  for (const dirent* entry = ::readdir(directory.get()); entry != nullptr;
       entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    TRY_IN(printable(name), copy_entry(source_fd, target_fd, name.c_str(), depth));
  }
  return ok();
}

}  // namespace

Result<void> copy_up(int source_fd, int target_fd, std::optional<mode_t> mode) {
  const Fd source = TRY(sys::openat(source_fd, ".", O_RDONLY | O_DIRECTORY));
  const Fd target = TRY(sys::openat(target_fd, ".", O_RDONLY | O_DIRECTORY));
  TRY(copy_directory(source.get(), target.get(), 0));
  return mode ? sys::fchmod(target.get(), *mode) : ok();
}

}  // namespace namespaces
