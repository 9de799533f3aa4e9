#include "image/registry/ingest.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"

namespace image::registry {

namespace {

constexpr std::string_view kSuffix = ".partial";

// True when we have the file that the path names: a finished pull may have moved it away before we locked it.
bool is_same_file(int fd, const std::string& path) {
  const auto held = sys::fstat(fd);
  const auto named = sys::fstatat(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
  return held && named && held->st_dev == named->st_dev && held->st_ino == named->st_ino;
}

}  // namespace

Result<Ingest> Ingest::open(const std::string& root, const Digest& digest, const std::string& own) {
  const std::string directory = root + "/ingest";
  TRY(make_directories(directory));
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_APPEND;
  std::string path = directory + "/" + std::string(digest.hex()) + std::string(kSuffix);
  Fd file = TRY(sys::open(path.c_str(), kFlags, 0600));
  if (!sys::flock(file.get(), LOCK_EX | LOCK_NB) || !is_same_file(file.get(), path)) {
    path = own;
    file = TRY(sys::open(path.c_str(), kFlags, 0600));
  }
  const struct stat status = TRY(sys::fstat(file.get()));
  return Ingest(std::move(path), std::move(file), static_cast<uint64_t>(status.st_size));
}

Result<Ingest> Ingest::borrow(const std::string& stored, uint64_t size, const std::string& own) {
  if (::link(stored.c_str(), own.c_str()) < 0) return Error::from_errno("link " + stored, errno);
  auto file = sys::open(own.c_str(), O_RDONLY | O_NOFOLLOW);
  Ingest result(own, file ? std::move(*file) : Fd(), size);
  result.borrowed_ = true;
  const auto status = sys::fstat(result.fd());
  if (status && S_ISREG(status->st_mode) && static_cast<uint64_t>(status->st_size) == size) return result;
  result.remove();
  return not_found(stored + " is not what it should be");
}

Result<void> Ingest::append(std::string_view bytes) {
  TRY_IN("write " + path_, write_all(file_.get(), bytes));
  size_ += bytes.size();
  return ok();
}

Result<void> Ingest::clear() {
  if (borrowed_) {
    remove();
    file_ = TRY(sys::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, 0600));
    borrowed_ = false;
  }
  TRY(sys::ftruncate(file_.get(), 0));
  size_ = 0;
  return ok();
}

void Ingest::remove() {
  static_cast<void>(sys::unlinkat(AT_FDCWD, path_.c_str(), 0));
}

void sweep_ingest(const std::string& root, int64_t age_ns) {
  const std::string directory = root + "/ingest";
  const auto names = list_directory(directory);
  if (!names) return;
  for (const auto& name : *names) {
    const std::string path = directory + "/" + name;
    const auto file = sys::open(path.c_str(), O_RDONLY | O_NOFOLLOW);
    if (!file || !sys::flock(file->get(), LOCK_EX | LOCK_NB)) continue;
    const auto status = sys::fstat(file->get());
    if (!status || !is_same_file(file->get(), path)) continue;
    const int64_t changed = status->st_mtim.tv_sec * 1'000'000'000 + status->st_mtim.tv_nsec;
    if (now_ns() - changed > age_ns) static_cast<void>(sys::unlinkat(AT_FDCWD, path.c_str(), 0));
  }
}

}  // namespace image::registry
