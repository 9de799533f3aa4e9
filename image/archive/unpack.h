// The second half of unpacking: a sandboxed child whose root is the layer's directory reads a plain tar with
// libarchive (tar only) and writes its entries with LayerWriter. The tar comes from a pipe (a Feeder in
// front: two processors for one layer) or from a Feed in the same child (no copy: best when several layers
// are unpacked at once).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/entry_path.h"
#include "image/archive/feed.h"
#include "image/archive/limits.h"
#include "image/archive/sandbox.h"

namespace image {

struct UnpackAnswer {
  std::optional<Digest> diff_id;  // of the tar; only Unpacker::finish() fills it
  uint64_t size_bytes = 0;        // sum of the sizes of regular files
  uint64_t entries = 0;
  bool replaced = false;           // an entry took the place of an earlier one
  std::vector<EntryPath> opaque;   // directories to mark, see LayerWriter
  std::vector<EntryPath> implied;  // directories that no entry described
  std::optional<FeedAnswer> fed;   // of a child that also fed itself
};

// The next bytes of a tar, empty at its end; valid until the next call.
using TarSource = std::function<Result<std::string_view>()>;
TarSource pipe_source(int fd);

struct UnpackRequest {
  std::string directory;
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;  // of the diff id
  Limits limits;
};

class Unpacker {
 public:
  // Unpacks what comes from `tar_fd` into the directory, which exists and is empty.
  static Result<Unpacker> start(int tar_fd, const UnpackRequest& request);
  // Unpacks the layer that `feed` reads: both halves in one child.
  static Result<Unpacker> start_with_feed(const FeedRequest& feed, const UnpackRequest& request);
  // Readable once the child has ended: for poll(2).
  int pidfd() const { return child_.pidfd(); }
  // Errors: those of Feed; kInvalid (an entry that can't be, a limit), kCorrupt (no tar, truncated), kSystem
  // (ENOSPC).
  Result<UnpackAnswer> finish();

 private:
  Unpacker(SandboxedChild child, Fd report, const Limits& limits)
      : child_(std::move(child)), report_(std::move(report)), limits_(limits) {}
  // What the child does; the records are its answer.
  using Work = std::function<Result<std::vector<std::string>>()>;
  static Result<Unpacker> start_child(const UnpackRequest& request, std::vector<int> descriptors,
                                      const Work& work);
  SandboxedChild child_;
  Fd report_;
  Limits limits_;
  bool has_feed_ = false;
};

// What the child runs, on the directory it is given: for tests and fuzzing.
Result<UnpackAnswer> unpack_tar(const TarSource& source, Fd root, const Limits& limits);

}  // namespace image
