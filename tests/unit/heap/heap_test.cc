// The allocator of the static programs (base/program/heap.cc), linked into this program in place of
// libstdc++'s. The functions are called by name: a compiler may leave out a new-expression whose result it
// can see the end of.
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <new>
#include <random>
#include <set>
#include <vector>

#include "base/heap.h"

namespace {

constexpr size_t kMoreThanTheArena = size_t{3} * 1024 * 1024;

struct Block {
  unsigned char* bytes;
  size_t size;
  unsigned char mark;
};

Block take(size_t size, unsigned char mark) {
  auto* bytes = static_cast<unsigned char*>(::operator new(size));
  if (size > 0) std::memset(bytes, mark, size);
  return {bytes, size, mark};
}

bool is_intact(const Block& block) {
  for (size_t i = 0; i < block.size; i++)
    if (block.bytes[i] != block.mark) return false;
  return true;
}

}  // namespace

TEST_CASE("A freed block is the next one of its size") {
  for (const size_t size : {size_t{1}, size_t{16}, size_t{17}, size_t{100}, size_t{4096}, size_t{4097},
                            size_t{16384}, size_t{65536}}) {
    void* first = ::operator new(size);
    ::operator delete(first);
    void* second = ::operator new(size);
    CHECK(second == first);
    ::operator delete(second, size);
  }
}

TEST_CASE("A block of no bytes holds what a list writes into it") {
  // Side by side: whatever is written behind a block without bytes falls into its neighbour.
  constexpr size_t kSize = 3000;
  std::vector<void*> nothings;
  std::set<void*> neighbours;
  for (int i = 0; i < 8; i++) {
    nothings.push_back(::operator new(0));
    neighbours.insert(::operator new(kSize));
  }
  CHECK(neighbours.size() == 8);
  for (void* nothing : nothings)
    ::operator delete(nothing);
  for (void* neighbour : neighbours)
    ::operator delete(neighbour);
  std::set<void*> again;
  for (int i = 0; i < 8; i++)
    again.insert(::operator new(kSize));
  CHECK(again == neighbours);
  for (void* neighbour : again)
    ::operator delete(neighbour);
}

TEST_CASE("Blocks are aligned and never overlap, from the array and behind its end") {
  std::minstd_rand random(7);
  std::vector<Block> blocks;
  size_t total = 0;
  bool all_aligned = true;
  bool all_intact = true;
  while (total < kMoreThanTheArena) {
    // Around the sizes where the lists end, and far above them.
    const size_t size = random() % 50 == 0 ? 4080 + random() % 40000 : random() % 300;
    blocks.push_back(take(size, static_cast<unsigned char>(random())));
    all_aligned = all_aligned && reinterpret_cast<uintptr_t>(blocks.back().bytes) % 16 == 0;
    total += size;
    if (random() % 3 == 0) {
      const size_t which = random() % blocks.size();
      all_intact = all_intact && is_intact(blocks[which]);
      ::operator delete(blocks[which].bytes);
      blocks[which] = blocks.back();
      blocks.pop_back();
    }
  }
  for (const auto& block : blocks) {
    all_intact = all_intact && is_intact(block);
    ::operator delete(block.bytes, block.size);
  }
  CHECK(all_aligned);
  CHECK(all_intact);
}

// The last one: what was freed meanwhile is lost.
TEST_CASE("Before a clone, freed blocks are left alone and new ones come from elsewhere") {
  constexpr size_t kSize = 48;
  Block kept = take(kSize, 1);
  Block freed = take(kSize, 2);
  leave_freed_blocks();
  ::operator delete(freed.bytes, freed.size);
  CHECK(is_intact(freed));
  for (int i = 0; i < 10000; ++i) {
    Block block = take(kSize, 3);
    if (block.bytes == freed.bytes) FAIL("taken again");
    ::operator delete(block.bytes, block.size);
  }
  CHECK(is_intact(kept));
  reuse_freed_blocks();
  void* first = ::operator new(kSize);
  ::operator delete(first);
  CHECK(::operator new(kSize) == first);
}
