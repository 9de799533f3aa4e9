#include "security/capabilities.h"

#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/strings.h"

namespace security {
namespace {

constexpr CapabilityMask kDefault = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) |
                                    bit(CAP_FOWNER) | bit(CAP_SETGID) | bit(CAP_SETUID) | bit(CAP_SETFCAP) |
                                    bit(CAP_SETPCAP) | bit(CAP_NET_BIND_SERVICE) | bit(CAP_NET_RAW) |
                                    bit(CAP_SYS_CHROOT) | bit(CAP_KILL);
constexpr CapabilityMask kDockerDefault = kDefault | bit(CAP_MKNOD) | bit(CAP_AUDIT_WRITE);
static_assert(kDefault == 0x800425fb && kDockerDefault == 0xa80425fb);

std::string without_prefix(std::string_view name) {
  const std::string upper = to_upper(name);
  return upper.compare(0, 4, "CAP_") == 0 ? upper.substr(4) : upper;
}

struct Wanted {
  bool all = false;
  CapabilityMask mask = 0;
};

Result<Wanted> read_names(const char* option, const std::vector<std::string>& names) {
  Wanted wanted;
  for (const std::string& name : names) {
    const std::string known = without_prefix(name);
    if (known == "ALL") {
      wanted.all = true;
    } else if (const auto number = capability_number(known)) {
      wanted.mask |= bit(*number);
    } else {
      return invalid(std::string("invalid ") + option + ": unknown capability: \"CAP_" + printable(known) +
                     "\"");
    }
  }
  return wanted;
}

}  // namespace

Result<int> capability_number(std::string_view name) {
  const std::string wanted = "cap_" + to_lower(without_prefix(name));
  // libcap reads one name from a list and stops at what ends it; here the whole text has to be one.
  const bool is_one_name = wanted.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
  cap_value_t number = 0;
  if (!is_one_name || ::cap_from_name(wanted.c_str(), &number) < 0 || number > kLastCapability)
    return invalid("unknown capability: \"" + printable(name) + "\"");
  return number;
}

std::string capability_name(int number) {
  char* name = number < 0 || number > kLastCapability ? nullptr : ::cap_to_name(number);
  if (name == nullptr) return "CAP_" + std::to_string(number);
  std::string known = to_upper(name);
  ::cap_free(name);
  return known;
}

std::vector<std::string> capability_names(CapabilityMask mask) {
  std::vector<std::string> names;
  for (int number = 0; number < 64; ++number)
    if ((mask >> static_cast<unsigned>(number) & 1U) != 0) names.push_back(capability_name(number));
  return names;
}

CapabilityMask all_capabilities() {
  return (CapabilityMask{1} << (kLastCapability + 1)) - 1;
}

CapabilityMask default_capabilities() {
  return kDefault;
}

CapabilityMask docker_default_capabilities() {
  return kDockerDefault;
}

CapabilityMask own_bounding_set(CapabilityMask asked) {
  CapabilityMask mask = 0;
  for (int number = 0; number < 64; ++number) {
    if ((asked & bit(number)) == 0) continue;
    const int in_set = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (in_set < 0) break;  // the kernel knows no more
    if (in_set == 1) mask |= bit(number);
  }
  return mask;
}

Result<CapabilityMask> change_capabilities(CapabilityMask base, const CapabilityChanges& changes) {
  const Wanted drop = TRY(read_names("CapDrop", changes.drop));
  const Wanted add = TRY(read_names("CapAdd", changes.add));
  if (changes.privileged) return all_capabilities();
  if (add.all) return all_capabilities() & ~drop.mask;
  if (drop.all) return add.mask;
  return (base & ~drop.mask) | add.mask;
}

CapabilitySets capability_sets_for(CapabilityMask allowed, uint32_t uid) {
  CapabilitySets sets;
  sets.bounding = allowed;
  if (uid == 0) sets.effective = sets.permitted = allowed;
  return sets;
}

CapabilitySets limit_capabilities(const CapabilitySets& sets, CapabilityMask available) {
  return {sets.bounding & available, sets.effective & available, sets.inheritable & available,
          sets.permitted & available, sets.ambient & available};
}

}  // namespace security
