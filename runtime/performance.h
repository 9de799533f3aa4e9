// What happened when a plan was performed: per step the times, the errno, and what the step changed. It lives
// in one shared mapping (MAP_SHARED|MAP_ANONYMOUS), so that the init, which loses the host's file system,
// writes into it too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace runtime {

struct StepRecord {
  int64_t begin_ns = 0;  // CLOCK_MONOTONIC; 0: not begun
  int64_t end_ns = 0;    // 0: not ended
  int error_number = 0;
  // What was observed: text of at most kObservedSize bytes with its NUL, in the same mapping behind all
  // records; null in a record that is in no mapping.
  char* before = nullptr;
  char* after = nullptr;
};
constexpr size_t kObservedSize = 232;

class Performance {
 public:
  Performance() = default;
  // A mapping for `steps` records; an empty one (no records, record() gives nullptr) if memory is short.
  explicit Performance(size_t steps);
  Performance(Performance&& other) noexcept;
  Performance& operator=(Performance&& other) noexcept;
  Performance(const Performance&) = delete;
  Performance& operator=(const Performance&) = delete;
  ~Performance();

  StepRecord* record(size_t index) { return index < size_ ? records_ + index : nullptr; }
  std::span<const StepRecord> records() const { return {records_, size_}; }

 private:
  StepRecord* records_ = nullptr;
  size_t size_ = 0;
};

}  // namespace runtime
