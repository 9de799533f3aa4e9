// Unpacks one layer while it is downloaded: a process of ours that gives what comes through a pipe to
// unpack_layer() (whose parsers are sandboxed further below), so that the process that downloads never waits
// for a disk or a decompressor.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "image/archive/unpack_layer.h"

namespace image::registry {

class LayerWorker {
 public:
  // `request.input` is ignored: the bytes are written to input_fd(). The directory must exist and be empty.
  static Result<LayerWorker> start(LayerRequest request);
  LayerWorker(LayerWorker&&) noexcept = default;
  LayerWorker& operator=(LayerWorker&&) = delete;
  // Kills and reaps it.
  ~LayerWorker();

  int input_fd() const { return input_.get(); }  // non-blocking
  void close_input() { input_.reset(); }
  int pidfd() const { return pidfd_.get(); }  // readable when it has ended
  // After it has ended: what unpack_layer() returned.
  Result<UnpackedLayer> finish();

 private:
  LayerWorker(Fd pidfd, Fd input, Fd report)
      : pidfd_(std::move(pidfd)), input_(std::move(input)), report_(std::move(report)) {}
  Fd pidfd_;
  Fd input_;
  Fd report_;
};

}  // namespace image::registry
