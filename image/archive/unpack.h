// The second half of unpacking: a sandboxed child whose root is the layer's directory reads a plain tar from
// a pipe with libarchive (tar only) and writes its entries with LayerWriter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/entry_path.h"
#include "image/archive/limits.h"
#include "image/archive/sandbox.h"

namespace image {

struct UnpackAnswer {
  uint64_t size_bytes = 0;  // sum of the sizes of regular files
  uint64_t entries = 0;
  std::vector<EntryPath> opaque;   // directories to mark, see LayerWriter
  std::vector<EntryPath> implied;  // directories that no entry described
};

class Unpacker {
 public:
  // Unpacks what comes from `tar_fd` into `directory`, which exists and is empty.
  static Result<Unpacker> start(int tar_fd, const std::string& directory, const Limits& limits);
  // Errors: kInvalid (an entry that can't be, a limit), kCorrupt (no tar, truncated), kSystem (ENOSPC).
  Result<UnpackAnswer> finish();

 private:
  Unpacker(SandboxedChild child, Fd report, const Limits& limits)
      : child_(std::move(child)), report_(std::move(report)), limits_(limits) {}
  SandboxedChild child_;
  Fd report_;
  Limits limits_;
};

// What the child runs, on the directory it is given: for tests and fuzzing.
Result<UnpackAnswer> unpack_tar(int tar_fd, Fd root, const Limits& limits);

}  // namespace image
