// Device rules of all shapes: for tests that compare the program with the rules, and that give it to the
// kernel.
#pragma once

#include <array>
#include <random>
#include <vector>

#include "cgroups/devices.h"

inline std::vector<cgroups::DeviceRule> random_device_rules(std::mt19937& random) {
  const auto pick = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  constexpr std::array<const char*, 6> kAccesses = {"r", "w", "m", "rw", "rwm", ""};
  std::vector<cgroups::DeviceRule> rules;
  for (int count = pick(8); count > 0; --count) {
    cgroups::DeviceRule rule = {
        pick(2) == 0, "abc" [pick(3)], {}, {}, kAccesses.at(static_cast<size_t>(pick(6)))};
    if (pick(3) > 0) rule.major = pick(3);
    if (pick(3) > 0) rule.minor = pick(3) - 1;
    rules.push_back(rule);
  }
  return rules;
}
