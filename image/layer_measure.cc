#include "image/layer_measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "base/syscalls.h"
#include "image/store_files.h"

namespace image {

namespace {

// Sizes of the regular files below a directory, hard links counted once.
Result<uint64_t> sum_files(Fd directory, std::set<ino_t>& linked) {
  DIR* stream = ::fdopendir(directory.get());
  if (stream == nullptr) return Error::from_errno("fdopendir", errno);
  const int dir_fd = directory.release();
  Result<uint64_t> sum = uint64_t{0};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  for (const dirent* entry = ::readdir(stream); entry != nullptr && sum; entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const auto status = sys::fstatat(dir_fd, entry->d_name, AT_SYMLINK_NOFOLLOW);
    if (!status) {
      sum = status.error();
    } else if (S_ISDIR(status->st_mode)) {
      auto below = sys::openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      auto more = below ? sum_files(std::move(*below), linked) : Result<uint64_t>(below.error());
      sum = more ? Result<uint64_t>(*sum + *more) : std::move(more);
    } else if (S_ISREG(status->st_mode) && (status->st_nlink == 1 || linked.insert(status->st_ino).second)) {
      sum = *sum + static_cast<uint64_t>(status->st_size);
    }
  }
  ::closedir(stream);
  return sum;
}

}  // namespace

std::string layer_fault(const Store& store, const Digest& chain_id) {
  const std::string name = layer_directory_name(chain_id);
  const auto layer = read_layer(store.root(), name);
  if (!layer && layer.error().kind() == ErrorKind::kNotFound) return "is missing";
  if (!layer) return "has a damaged layer.json";
  if (layer->chain_id != chain_id) return "is another one";
  const std::string path = store.layer_path(name) + "/fs";
  auto directory = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return "has no files";
  std::set<ino_t> linked;
  const auto size = sum_files(std::move(*directory), linked);
  if (!size) return "can't be read: " + size.error().text();
  if (layer->entries == 0 || *size == layer->size_bytes) return "";
  return "has " + std::to_string(*size) + " bytes in files instead of " + std::to_string(layer->size_bytes);
}

}  // namespace image
