// Device rules with letters and wildcards taken apart, in the numbers of linux/bpf.h: what the v1 writer and
// the v2 program generator both start from.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "cgroups/resources.h"

namespace cgroups {

struct DeviceMatch {
  uint32_t type = 0;  // BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR, 0: both
  std::optional<uint32_t> major;
  std::optional<uint32_t> minor;
  bool operator==(const DeviceMatch&) const = default;
};

inline constexpr uint32_t kAllAccess = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

struct ParsedDeviceRule {
  bool allow = false;
  DeviceMatch match;
  uint32_t access = 0;  // BPF_DEVCG_ACC_*

  bool is_everything() const {
    return match.type == 0 && !match.major && !match.minor && access == kAllAccess;
  }
};

// Pure. Negative numbers are wildcards, as Docker writes them; an empty access is "rwm", as the spec's absent
// one. kInvalid for another type or access letter and for numbers no device has.
Result<std::vector<ParsedDeviceRule>> parse_device_rules(const std::vector<DeviceRule>& rules);

}  // namespace cgroups
