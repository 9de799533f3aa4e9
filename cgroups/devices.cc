// v1 devices: "devices.deny a" empties the list, then each line adds or takes an exception.
#include "cgroups/devices.h"

#include <algorithm>
#include <array>

#include "cgroups/device_match.h"

namespace cgroups {
namespace {

std::string spell(const DeviceMatch& match) {
  const auto number = [](const std::optional<uint32_t>& value) {
    return value ? std::to_string(*value) : std::string("*");
  };
  return std::string(match.type == BPF_DEVCG_DEV_BLOCK ? "b " : "c ") + number(match.major) + ":" +
         number(match.minor);
}

bool covers(const std::optional<uint32_t>& wide, const std::optional<uint32_t>& narrow) {
  return !wide || wide == narrow;
}
bool meets(const std::optional<uint32_t>& a, const std::optional<uint32_t>& b) {
  return !a || !b || a == b;
}

void add_exception(const DeviceMatch& match, uint32_t access, std::vector<DeviceException>& list) {
  for (DeviceException& exception : list) {
    if (exception.match == match) {
      exception.access |= access;
      return;
    }
  }
  list.push_back({match, access});
}

// A rule of the default's polarity takes exceptions back; v1 can only drop whole ones.
Result<void> take_back(const DeviceMatch& match, uint32_t access, std::vector<DeviceException>& list) {
  for (DeviceException& exception : list) {
    const DeviceMatch& other = exception.match;
    if (other.type != match.type || (exception.access & access) == 0) continue;
    if (!meets(match.major, other.major) || !meets(match.minor, other.minor)) continue;
    if (!covers(match.major, other.major) || !covers(match.minor, other.minor)) {
      return unsupported("device rule " + spell(match) + " takes back a part of the rule " + spell(other) +
                         ", which the v1 devices controller can't; give the wider rule in parts");
    }
    exception.access &= ~access;
  }
  std::erase_if(list, [](const DeviceException& exception) { return exception.access == 0; });
  return ok();
}

}  // namespace

std::string spell_access(uint32_t access) {
  std::string text;
  if ((access & BPF_DEVCG_ACC_READ) != 0) text += 'r';
  if ((access & BPF_DEVCG_ACC_WRITE) != 0) text += 'w';
  if ((access & BPF_DEVCG_ACC_MKNOD) != 0) text += 'm';
  return text;
}

Result<DeviceList> device_list(const std::vector<DeviceRule>& rules) {
  const std::vector<ParsedDeviceRule> parsed = TRY(parse_device_rules(rules));
  DeviceList list;
  for (const ParsedDeviceRule& rule : parsed) {
    if (rule.is_everything()) {
      list.allow_by_default = rule.allow;
      list.exceptions.clear();
      continue;
    }
    for (const uint32_t type : {BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR}) {
      if (rule.match.type != 0 && rule.match.type != type) continue;
      const DeviceMatch match = {type, rule.match.major, rule.match.minor};
      if (rule.allow == list.allow_by_default) {
        TRY(take_back(match, rule.access, list.exceptions));
      } else {
        add_exception(match, rule.access, list.exceptions);
      }
    }
  }
  return list;
}

Result<std::vector<LimitWrite>> v1_device_writes(const std::vector<DeviceRule>& rules) {
  const DeviceList list = TRY(device_list(rules));
  std::vector<LimitWrite> writes;
  writes.push_back({"devices", list.allow_by_default ? "devices.allow" : "devices.deny", "a"});
  const char* file = list.allow_by_default ? "devices.deny" : "devices.allow";
  for (const DeviceException& exception : list.exceptions)
    writes.push_back({"devices", file, spell(exception.match) + " " + spell_access(exception.access)});
  return writes;
}

}  // namespace cgroups
