#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <set>

#include "base/syscalls.h"

Result<std::string> read_fd(int fd, size_t limit) {
  std::string content;
  constexpr size_t kChunk = 4096;
  // On the stack and not zeroed: most files are a line, and each page that nobody has used yet costs a fault.
  std::array<char, kChunk> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (;;) {
    const size_t count = TRY(sys::read(fd, chunk));
    if (count == 0) return content;
    content.append(chunk.data(), count);
    if (content.size() > limit) return invalid("file is larger than " + std::to_string(limit) + " bytes");
  }
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  const Fd fd = TRY(sys::open(path.c_str(), O_RDONLY | O_NONBLOCK));
  return TRY_IN(path, read_fd(fd.get(), limit));
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t count = TRY(sys::write(fd, bytes));
    bytes.remove_prefix(count);
  }
  return ok();
}

Result<void> write_kernel_file(const std::string& path, std::string_view text) {
  return write_kernel_file_at(AT_FDCWD, path.c_str(), text);
}

Result<void> write_kernel_file_at(int dir_fd, const char* name, std::string_view text) {
  const Fd fd = TRY(sys::openat(dir_fd, name, O_WRONLY));
  TRY_IN(name, sys::write(fd.get(), text));
  return ok();
}

Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode, Durable durable) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string temporary = directory + "." + name + ".tmp." + std::to_string(getpid());
  const auto write_it = [&]() -> Result<void> {
    const Fd fd = TRY(sys::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
    TRY_IN(path, write_all(fd.get(), content));
    if (durable == Durable::kYes) TRY_IN(path, sys::fsync(fd.get()));
    return sys::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), 0);
  };
  auto result = write_it();
  if (!result) {
    ::unlink(temporary.c_str());
    return result;
  }
  if (durable == Durable::kYes) {
    const Fd parent = TRY(sys::open(directory.c_str(), O_RDONLY | O_DIRECTORY));
    TRY_IN(directory, sys::fsync(parent.get()));
  }
  return ok();
}

Result<void> create_file(const std::string& path, std::string_view content, mode_t mode) {
  auto fd = sys::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (!fd && fd.error().error_number() == EEXIST) return conflict(path + " exists already");
  if (!fd) return std::move(fd).error();
  auto written = write_all(fd->get(), content);
  if (written) return written;
  ::unlink(path.c_str());
  return std::move(written).error().in(path);
}

bool path_exists(const std::string& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_private_directory(const std::string& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

Result<void> make_directories(const std::string& path, mode_t mode) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    auto made = sys::mkdir(prefix.c_str(), mode);
    if (!made && made.error().error_number() != EEXIST) return made;
    if (end == std::string::npos) break;
  }
  struct stat status = {};
  if (::stat(path.c_str(), &status) < 0 || !S_ISDIR(status.st_mode)) {
    return Error::from_errno("mkdir " + path, ENOTDIR);
  }
  return ok();
}

namespace {

// Calls visit(dir_fd, name, dirent type) for each entry of the directory open as `directory`, which it
// consumes.
template <typename Visit>
Result<void> for_each_entry(Fd directory, Visit visit) {
  DIR* stream = ::fdopendir(directory.get());
  if (stream == nullptr) return Error::from_errno("fdopendir", errno);
  const int dir_fd = directory.release();
  Result<void> result;
  errno = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  for (const dirent* entry = ::readdir(stream); entry != nullptr && result; entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    result = visit(dir_fd, entry->d_name);
  }
  ::closedir(stream);
  return result;
}

Result<void> remove_entry(int dir_fd, const char* name, dev_t device) {
  auto removed = sys::unlinkat(dir_fd, name, 0);
  if (removed || removed.error().error_number() == ENOENT) return ok();
  if (removed.error().error_number() != EISDIR && removed.error().error_number() != EPERM) return removed;
  auto directory = sys::openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return std::move(directory).error();
  const struct stat status = TRY(sys::fstat(directory->get()));
  if (status.st_dev != device)
    return Error::from_errno(std::string("remove ") + name + ": something is mounted", EBUSY);
  TRY(for_each_entry(std::move(*directory),
                     [&](int fd, const char* child) { return remove_entry(fd, child, device); }));
  auto gone = sys::unlinkat(dir_fd, name, AT_REMOVEDIR);
  if (!gone && gone.error().error_number() == ENOENT) return ok();
  return gone;
}

Result<uint64_t> directory_size(Fd directory, std::set<std::pair<dev_t, ino_t>>& seen) {
  uint64_t total = 0;
  const auto add = [&](int dir_fd, const char* name) -> Result<void> {
    const struct stat status = TRY(sys::fstatat(dir_fd, name, AT_SYMLINK_NOFOLLOW));
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode) &&
        !seen.emplace(status.st_dev, status.st_ino).second) {
      return ok();
    }
    constexpr uint64_t kBlock = 512;  // the unit of st_blocks, stat(2)
    total += static_cast<uint64_t>(status.st_blocks) * kBlock;
    if (!S_ISDIR(status.st_mode)) return ok();
    Fd child = TRY(sys::openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    total += TRY(directory_size(std::move(child), seen));
    return ok();
  };
  TRY(for_each_entry(std::move(directory), add));
  return total;
}

}  // namespace

Result<std::vector<std::string>> list_directory(const std::string& path) {
  auto directory = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().error_number() == ENOENT) return not_found(directory.error().text());
  if (!directory) return std::move(directory).error();
  std::vector<std::string> names;
  TRY(for_each_entry(std::move(*directory), [&](int, const char* name) -> Result<void> {
    names.emplace_back(name);
    return ok();
  }));
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_tree(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) < 0) {
    if (errno == ENOENT) return ok();
    return Error::from_errno("remove " + path, errno);
  }
  return TRY_IN(path, remove_entry(AT_FDCWD, path.c_str(), status.st_dev)), ok();
}

Result<uint64_t> tree_size(const std::string& path) {
  std::set<std::pair<dev_t, ino_t>> seen;
  Fd directory = TRY(sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return directory_size(std::move(directory), seen);
}
