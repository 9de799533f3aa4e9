// A tar written member by member to a descriptor, by libarchive, with nothing in it that depends on when or
// where: no times, owner root.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "image/digest.h"

struct archive;
struct archive_entry;

namespace image {

struct TarMember {
  std::string name;         // a directory's ends with "/"
  struct stat status = {};  // st_size is what is written of a regular file
  std::string link = {};    // target of a symbolic link, or another name of a hard link
  bool is_hard_link = false;
  std::vector<std::pair<std::string, std::string>> xattrs = {};
};

class TarOutput {
 public:
  // `fd` is borrowed. kSystem.
  static Result<TarOutput> make(int fd);
  Result<void> add_directory(const std::string& name);
  Result<void> add_file(const std::string& name, std::string_view bytes);
  // Copies a blob while it is verified: kCorrupt when it is not what its name says; the tar is to be thrown
  // away then.
  Result<void> add_blob(const std::string& name, const std::string& path, const Digest& digest);
  // `content_fd` is read for a regular file; what is missing of its size (it shrank) is zeros.
  Result<void> add_member(const TarMember& member, int content_fd);
  // The end mark. To be called once.
  Result<void> finish();

 private:
  struct Free {
    void operator()(archive* archive) const;
  };
  TarOutput() = default;
  Result<void> begin(const std::string& name, unsigned type, uint64_t size);
  Result<void> write(std::string_view bytes);
  Result<void> copy_content(int fd, uint64_t size);
  Error failure() const;
  std::unique_ptr<archive, Free> archive_;
};

}  // namespace image
