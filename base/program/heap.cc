// operator new and delete for the static programs. A start makes some thousand small blocks: with glibc's
// malloc that is a third of what it computes, and the pages come one fault after the other; musl's asks the
// kernel so often that a start would lose what musl saves, twice for each text of some kilobytes. Here blocks
// come from one array whose pages are mapped many at a time, and go back to a list of their size; what is
// larger, and everything once the array is used up, is malloc's. The programs have one thread (no thread may
// be in a process that clones).
#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/heap.h"

namespace {

constexpr size_t kGrain = 16;           // alignment and difference between two sizes
constexpr size_t kLargestSmall = 4096;  // up to here; then each doubling is done in kSteps
constexpr size_t kSteps = 4;
constexpr size_t kLargest = size_t{64} * 1024;
constexpr size_t kSmallSizes = kLargestSmall / kGrain + 1;
constexpr size_t kSizes = kSmallSizes + (std::bit_width(kLargest / kLargestSmall) - 1) * kSteps;
constexpr size_t kArena = size_t{1024} * 1024;
constexpr size_t kMappedAtOnce = size_t{32} * 1024;  // what the small commands take; a start takes four
constexpr uintptr_t kPage = 4096;

struct Free {
  Free* next;
};

alignas(kPage) std::array<std::byte, kArena> arena;
size_t used = 0;
size_t mapped = 0;
std::array<Free*, kSizes> free_lists = {};
bool leaves_freed = false;

bool is_ours(const void* block) {
  return block >= arena.data() && block < arena.data() + arena.size();
}

constexpr size_t round_up(size_t number, size_t unit) {
  return (number + unit - 1) / unit * unit;
}

// The size of the block that `wanted` bytes get. Nothing is a grain, too: a block on a list holds the list's
// pointer.
size_t size_of(size_t wanted) {
  if (wanted <= kLargestSmall) return std::max(round_up(wanted, kGrain), kGrain);
  return round_up(wanted, std::bit_ceil(wanted) / 2 / kSteps);
}

Free*& list_of(size_t size) {
  if (size <= kLargestSmall) return free_lists[size / kGrain];
  const size_t below = std::bit_ceil(size) / 2;  // this doubling begins behind it
  const size_t doubling = static_cast<size_t>(std::bit_width(below / kLargestSmall)) - 1;
  return free_lists[kSmallSizes + doubling * kSteps + (size - below) / (below / kSteps) - 1];
}

void* take(size_t size) {
  Free*& list = list_of(size);
  if (list != nullptr && !leaves_freed) {
    void* block = list;
    list = list->next;
    return block;
  }
  if (arena.size() - used < size + kGrain) return nullptr;
  // Where the kernel is too old for it (5.14), the pages come one by one; so they do around a clone, where
  // there are few.
  if (used + size + kGrain > mapped && !leaves_freed) {
    const size_t more = round_up(used + size + kGrain - mapped, kMappedAtOnce);
    (void)::madvise(arena.data() + mapped, more, MADV_POPULATE_WRITE);
    mapped += more;
  }
  // The size stands before the block: not every delete tells it.
  std::byte* block = arena.data() + used + kGrain;
  *reinterpret_cast<size_t*>(block - kGrain) = size;  // NOLINT: an allocator is where bytes become objects
  used += size + kGrain;
  return block;
}

}  // namespace

void* operator new(size_t wanted) {
  if (wanted <= kLargest) {
    if (void* block = take(size_of(wanted))) return block;
  }
  void* block = std::malloc(wanted == 0 ? 1 : wanted);
  if (block == nullptr) std::abort();  // as std::bad_alloc would end: nobody catches it
  return block;
}

void operator delete(void* block) noexcept {
  if (!is_ours(block)) return std::free(block);
  if (leaves_freed) return;
  auto* freed = static_cast<Free*>(block);
  Free*& list =
      list_of(*reinterpret_cast<size_t*>(static_cast<std::byte*>(block) - kGrain));  // NOLINT: as above
  freed->next = list;
  list = freed;
}

void operator delete(void* block, size_t) noexcept {
  operator delete(block);
}

void leave_freed_blocks() noexcept {
  leaves_freed = true;
}

void reuse_freed_blocks() noexcept {
  leaves_freed = false;
}
