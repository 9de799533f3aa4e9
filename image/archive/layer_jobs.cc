#include "image/archive/layer_jobs.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <numeric>
#include <optional>

namespace image {

namespace {

constexpr size_t kMostAtOnce = 8;  // beyond that the disk is what they wait for

size_t processors() {
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return std::clamp<size_t>(count < 1 ? 1 : static_cast<size_t>(count), 1, kMostAtOnce);
}

class Jobs {
 public:
  Jobs(std::vector<LayerJob> jobs, const std::function<void(size_t)>& on_start)
      : jobs_(std::move(jobs)), on_start_(on_start), running_(jobs_.size()), results_(jobs_.size()) {}

  Result<std::vector<UnpackedLayer>> run() {
    const std::vector<size_t> order = largest_first();
    size_t next = 0;
    while (next < order.size() || count_ > 0) {
      while (next < order.size() && count_ < processors())
        TRY(start(order[next++]));
      TRY(finish_some());
    }
    std::vector<UnpackedLayer> layers;
    for (auto& result : results_)
      layers.push_back(std::move(*result));
    return layers;
  }

 private:
  uint64_t size_of(size_t index) const { return jobs_[index].request.input.size; }

  // The longest job last would leave the other processors idle.
  std::vector<size_t> largest_first() {
    std::vector<size_t> order(jobs_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [this](size_t a, size_t b) { return size_of(a) > size_of(b); });
    uint64_t all = 0;
    for (const size_t index : order)
      all += size_of(index);
    for (const size_t index : order)
      jobs_[index].request.fused = jobs_.size() > 1 && size_of(index) <= all / 2;
    return order;
  }

  Result<void> start(size_t index) {
    on_start_(index);
    running_[index] = std::make_unique<LayerUnpacking>(
        TRY_IN(jobs_[index].what, LayerUnpacking::start(jobs_[index].request)));
    ++count_;
    return ok();
  }

  // Waits for one and takes all that are done.
  Result<void> finish_some() {
    std::vector<pollfd> waiting;
    std::vector<size_t> indexes;
    for (size_t i = 0; i < running_.size(); ++i) {
      if (running_[i] == nullptr) continue;
      waiting.push_back({running_[i]->pidfd(), POLLIN, 0});
      indexes.push_back(i);
    }
    while (::poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno != EINTR) return Error::from_errno("poll", errno);
    }
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      const auto layer = std::move(running_[indexes[i]]);
      --count_;
      results_[indexes[i]] = TRY_IN(jobs_[indexes[i]].what, layer->finish());
    }
    return ok();
  }

  std::vector<LayerJob> jobs_;
  const std::function<void(size_t)>& on_start_;
  std::vector<std::unique_ptr<LayerUnpacking>> running_;
  std::vector<std::optional<UnpackedLayer>> results_;
  size_t count_ = 0;
};

}  // namespace

Result<std::vector<UnpackedLayer>> unpack_layers(std::vector<LayerJob> jobs,
                                                 const std::function<void(size_t index)>& on_start) {
  return Jobs(std::move(jobs), on_start).run();
}

}  // namespace image
