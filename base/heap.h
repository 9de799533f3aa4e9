// What a program that is about to clone tells its allocator.
#pragma once

// From now on a freed block is left alone, and a new one comes from pages that nothing is on yet. After a
// clone without CLONE_VM each side copies every page that it writes to first: frees, and blocks taken from
// where others were freed, write all over the heap, which is a fault and a page each time. What is left is at
// most the array of base/program/heap.cc; in programs with another allocator this does nothing.
void leave_freed_blocks() noexcept;
// And from now on freed blocks are used again: the other side has executed a program, is gone, or writes no
// more.
void reuse_freed_blocks() noexcept;
