#include "cgroups/device_match.h"

#include <string>

#include "base/strings.h"

namespace cgroups {
namespace {

Result<std::optional<uint32_t>> parse_number(const std::optional<int64_t>& number, int64_t highest) {
  if (!number || *number < 0) return std::optional<uint32_t>();
  if (*number > highest) return invalid("device number " + std::to_string(*number) + " is too large");
  return std::optional<uint32_t>(static_cast<uint32_t>(*number));
}

Result<uint32_t> parse_access(const std::string& letters) {
  if (letters.empty()) return kAllAccess;
  uint32_t access = 0;
  for (const char letter : letters) {
    if (letter == 'r') {
      access |= BPF_DEVCG_ACC_READ;
    } else if (letter == 'w') {
      access |= BPF_DEVCG_ACC_WRITE;
    } else if (letter == 'm') {
      access |= BPF_DEVCG_ACC_MKNOD;
    } else {
      return invalid("device access '" + printable(letters) + "' is not made of r, w and m");
    }
  }
  return access;
}

Result<uint32_t> parse_type(char type) {
  if (type == 'a') return 0U;
  if (type == 'b') return static_cast<uint32_t>(BPF_DEVCG_DEV_BLOCK);
  if (type == 'c' || type == 'u') return static_cast<uint32_t>(BPF_DEVCG_DEV_CHAR);
  return invalid("device type '" + printable(std::string(1, type)) + "' is none of a, b and c");
}

}  // namespace

Result<std::vector<ParsedDeviceRule>> parse_device_rules(const std::vector<DeviceRule>& rules) {
  constexpr int64_t kMaxMajor = (1 << 12) - 1;  // MINORBITS is 20, dev_t 32 bits
  constexpr int64_t kMaxMinor = (1 << 20) - 1;
  constexpr size_t kMaxRules = 10'000;
  if (rules.size() > kMaxRules) return invalid("more than 10000 device rules");
  std::vector<ParsedDeviceRule> parsed;
  for (const DeviceRule& rule : rules) {
    ParsedDeviceRule result;
    result.allow = rule.allow;
    result.match.type = TRY(parse_type(rule.type));
    result.match.major = TRY(parse_number(rule.major, kMaxMajor));
    result.match.minor = TRY(parse_number(rule.minor, kMaxMinor));
    result.access = TRY(parse_access(rule.access));
    parsed.push_back(result);
  }
  return parsed;
}

}  // namespace cgroups
