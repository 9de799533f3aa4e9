#include "base/heap.h"

// For programs without base/program/heap.cc, which brings its own: this file stands in a library, and a
// linker looks there only for what it has not found.
void leave_freed_blocks() noexcept {}
void reuse_freed_blocks() noexcept {}
