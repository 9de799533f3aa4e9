#include "runtime/performance.h"

#include <sys/mman.h>

#include <utility>

namespace runtime {
namespace {

constexpr size_t kRecordSize = sizeof(StepRecord) + 2 * kObservedSize;

}  // namespace

Performance::Performance(size_t steps) {
  void* memory =
      ::mmap(nullptr, steps * kRecordSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  records_ = static_cast<StepRecord*>(memory);
  size_ = steps;
  char* text = reinterpret_cast<char*>(records_ + steps);  // NOLINT: what is behind the records
  for (StepRecord& record : std::span(records_, size_)) {
    record.before = std::exchange(text, text + kObservedSize);
    record.after = std::exchange(text, text + kObservedSize);
  }
}

Performance::Performance(Performance&& other) noexcept
    : records_(std::exchange(other.records_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Performance& Performance::operator=(Performance&& other) noexcept {
  std::swap(records_, other.records_);
  std::swap(size_, other.size_);
  return *this;
}

Performance::~Performance() {
  if (records_ != nullptr) ::munmap(records_, size_ * kRecordSize);
}

}  // namespace runtime
