// A blob on its way into the store: ROOT/ingest/<hex>.partial holds the bytes that came so far, in order from
// the first, and outlives a broken connection, ^C and kill -9: the next pull goes on behind them. flock(2)ed
// by the pull that writes it; a second one gets a file of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "image/digest.h"

namespace image::registry {

class Ingest {
 public:
  // `own`: the file when another pull has the shared one. Errors: kSystem.
  static Result<Ingest> open(const std::string& root, const Digest& digest, const std::string& own);

  // The blob of the store at `stored`, when it is there with `size` bytes: nothing is left to come. Its bytes
  // are to be verified as all others. It has the name `own`, too, a link: so nobody can remove it, and what
  // is wrong with it is put right by publishing the file that replaces it. Errors: kNotFound, kSystem.
  static Result<Ingest> borrow(const std::string& stored, uint64_t size, const std::string& own);

  const std::string& path() const { return path_; }
  int fd() const { return file_.get(); }
  uint64_t size() const { return size_; }
  // At the end. kSystem (ENOSPC, ...).
  Result<void> append(std::string_view bytes);
  // Back to nothing: what was there is wrong. What was borrowed is left alone. kSystem.
  Result<void> clear();
  // The file is not worth keeping.
  void remove();

 private:
  Ingest(std::string path, Fd file, uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  std::string path_;
  Fd file_;
  uint64_t size_;
  bool borrowed_ = false;
};

// Removes partial files that nobody writes and that are older than `age_ns`. Errors are nobody's business.
void sweep_ingest(const std::string& root, int64_t age_ns);

}  // namespace image::registry
