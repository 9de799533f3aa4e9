#include "runtime/newcomer.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/syscalls.h"

namespace runtime {

Result<void> close_others(std::vector<int> kept, unsigned first) {
  std::sort(kept.begin(), kept.end());
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number < first) continue;
    if (number > first) TRY(sys::close_range(first, number - 1, 0));
    first = number + 1;
  }
  return sys::close_range(first, UINT_MAX, 0);
}

void forget_environment() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    std::memset(*entry, 0, std::strlen(*entry));
}

}  // namespace runtime
