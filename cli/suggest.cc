#include <algorithm>
#include <vector>

#include "cli/help.h"

namespace cli {

namespace {

// How many letters must be inserted, removed, replaced or swapped with their neighbour (optimal string
// alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> table(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    table[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j)
    table[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

}  // namespace

std::string nearest_command(const Program& program, std::string_view typed) {
  constexpr size_t kLongestName = 40;
  if (typed.size() > kLongestName) return "";
  std::string nearest;
  size_t least = typed.size() <= 3 ? 2 : 3;  // further away is no suggestion
  const auto consider = [&](const std::string& name) {
    const size_t distance = edit_distance(typed, name);
    if (distance >= least) return;
    least = distance;
    nearest = name;
  };
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      if (command.hidden) continue;
      for (const auto& name : names_of(command))
        consider(name);
    }
  }
  for (const auto& group : program.groups)
    consider(group.name);
  return nearest;
}

}  // namespace cli
