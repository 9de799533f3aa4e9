// Capability sets (capabilities(7)): names, masks, what our own bounding set has, and the steps that apply
// them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace security {

// A set of capabilities: bit n is capability number n.
using CapabilityMask = uint64_t;

// The five sets of process.capabilities (runtime-spec config.md "Linux Process").
struct CapabilitySets {
  CapabilityMask bounding = 0;
  CapabilityMask effective = 0;
  CapabilityMask inheritable = 0;
  CapabilityMask permitted = 0;
  CapabilityMask ambient = 0;
  bool operator==(const CapabilitySets&) const = default;
};

// The number of "CAP_NET_RAW", "NET_RAW" or "net_raw"; kInvalid for a name that this build does not know.
Result<int> capability_number(std::string_view name);
// "CAP_NET_RAW".
std::string capability_name(int number);
std::vector<std::string> capability_names(CapabilityMask mask);
// The capabilities that this process could hand on: our own bounding set, by prctl(PR_CAPBSET_READ).
CapabilityMask own_bounding_set();

}  // namespace security
