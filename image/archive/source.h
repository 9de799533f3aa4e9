// Named files inside what is loaded, wherever they are: in a directory (OCI layout) or in a tar, compressed
// or not, from a file or a pipe. A tar is not unpacked: its entries are found once, by a sandboxed child, and
// then read where they are. Only what can't be read twice (a pipe, a compressed outer tar) is first written
// to an unnamed file.
#pragma once

#include <map>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/inflate.h"
#include "image/archive/limits.h"

namespace image {

class Source {
 public:
  // `path`: a file, a directory, or "-" for standard input. `scratch` is an existing directory for temporary
  // data. Errors: kNotFound, kCorrupt (no tar), kInvalid (over a limit), kSystem.
  static Result<Source> open(const std::string& path, const std::string& scratch, const Limits& limits);

  bool has(const std::string& name);
  // Where the bytes of a file are; the descriptor is good as long as this object. kCorrupt when it is
  // missing.
  Result<Input> find(const std::string& name);
  Result<std::string> read(const std::string& name, size_t limit);

 private:
  struct Place {
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  Source() = default;
  Result<void> index_tar(const std::string& empty_directory);
  Result<Input> find_in_directory(const std::string& name);

  Fd file_;  // the directory, or the plain tar
  bool is_directory_ = false;
  uint64_t start_ = 0;  // of the tar in its file
  std::map<std::string, Place> places_;
  std::map<std::string, std::string> links_;
  std::map<std::string, Fd> opened_;  // files of a directory
};

}  // namespace image
