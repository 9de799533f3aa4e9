#include "runtime/performance.h"

#include <sys/mman.h>

#include <utility>

namespace runtime {

Performance::Performance(size_t steps) {
  void* memory =
      ::mmap(nullptr, steps * sizeof(StepRecord), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  records_ = static_cast<StepRecord*>(memory);
  size_ = steps;
}

Performance::Performance(Performance&& other) noexcept
    : records_(std::exchange(other.records_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Performance& Performance::operator=(Performance&& other) noexcept {
  std::swap(records_, other.records_);
  std::swap(size_, other.size_);
  return *this;
}

Performance::~Performance() {
  if (records_ != nullptr) ::munmap(records_, size_ * sizeof(StepRecord));
}

}  // namespace runtime
