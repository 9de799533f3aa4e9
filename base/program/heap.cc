// operator new and delete for the static programs. A start makes some thousand small blocks: with glibc's
// malloc that is a third of what it computes, and the pages come one fault after the other; musl's asks the
// kernel so often that a start would lose what musl saves. Here small blocks come from one array whose pages
// are mapped many at a time, and go back to a list of their size; everything else, and everything once the
// array is used up, is malloc's. The programs have one thread (no thread may be in a process that clones).
#include <linux/mman.h>
#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/heap.h"

namespace {

constexpr size_t kGrain = 16;  // alignment and difference between two sizes
constexpr size_t kLargestSmall = 4096;
constexpr size_t kArena = size_t{256} * 1024;
constexpr size_t kMappedAtOnce = size_t{32} * 1024;  // what the small commands take; a start takes four
constexpr uintptr_t kPage = 4096;

struct Free {
  Free* next;
};

alignas(kPage) std::array<std::byte, kArena> arena;
size_t used = 0;
size_t mapped = 0;
std::array<Free*, kLargestSmall / kGrain + 1> free_lists = {};
bool leaves_freed = false;

bool is_ours(const void* block) {
  return block >= arena.data() && block < arena.data() + arena.size();
}

void* take(size_t size) {
  Free*& list = free_lists[size / kGrain];
  if (list != nullptr && !leaves_freed) {
    void* block = list;
    list = list->next;
    return block;
  }
  if (arena.size() - used < size + kGrain) return nullptr;
  // Where the kernel is too old for it (5.14), the pages come one by one; so they do around a clone, where
  // there are few.
  if (used + size + kGrain > mapped && !leaves_freed) {
    (void)::madvise(arena.data() + mapped, kMappedAtOnce, MADV_POPULATE_WRITE);
    mapped += kMappedAtOnce;
  }
  // The size stands before the block: not every delete tells it.
  std::byte* block = arena.data() + used + kGrain;
  *reinterpret_cast<size_t*>(block - kGrain) = size;  // NOLINT: an allocator is where bytes become objects
  used += size + kGrain;
  return block;
}

}  // namespace

void* operator new(size_t wanted) {
  if (wanted <= kLargestSmall) {
    // Nothing is a grain, too: a block on a list holds the list's pointer.
    const size_t size = wanted == 0 ? kGrain : (wanted + kGrain - 1) & ~(kGrain - 1);
    if (void* block = take(size)) return block;
  }
  void* block = std::malloc(wanted == 0 ? 1 : wanted);
  if (block == nullptr) std::abort();  // as std::bad_alloc would end: nobody catches it
  return block;
}

void operator delete(void* block) noexcept {
  if (!is_ours(block)) return std::free(block);
  if (leaves_freed) return;
  auto* freed = static_cast<Free*>(block);
  const size_t size =
      *reinterpret_cast<size_t*>(static_cast<std::byte*>(block) - kGrain);  // NOLINT: as above
  freed->next = free_lists[size / kGrain];
  free_lists[size / kGrain] = freed;
}

void operator delete(void* block, size_t) noexcept {
  operator delete(block);
}

void leave_freed_blocks() noexcept {
  leaves_freed = true;
}
