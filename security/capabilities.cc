#include "security/capabilities.h"

#include <sys/prctl.h>

#include <array>

#include "base/strings.h"

namespace security {
namespace {

// In the order of their numbers. Source: capabilities(7), linux/capability.h.
constexpr auto kNames = std::to_array<std::string_view>({
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
});
static_assert(kNames.size() == kLastCapability + 1);

constexpr CapabilityMask bit(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return CapabilityMask{1} << i;
  return 0;
}

constexpr CapabilityMask kDefault = bit("CHOWN") | bit("DAC_OVERRIDE") | bit("FSETID") | bit("FOWNER") |
                                    bit("SETGID") | bit("SETUID") | bit("SETFCAP") | bit("SETPCAP") |
                                    bit("NET_BIND_SERVICE") | bit("NET_RAW") | bit("SYS_CHROOT") |
                                    bit("KILL");
constexpr CapabilityMask kDockerDefault = kDefault | bit("MKNOD") | bit("AUDIT_WRITE");
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
    } else if (const CapabilityMask mask = bit(known); mask != 0) {
      wanted.mask |= mask;
    } else {
      return invalid(std::string("invalid ") + option + ": unknown capability: \"CAP_" + printable(known) +
                     "\"");
    }
  }
  return wanted;
}

}  // namespace

Result<int> capability_number(std::string_view name) {
  const std::string wanted = without_prefix(name);
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == wanted) return static_cast<int>(i);
  return invalid("unknown capability: \"" + printable(name) + "\"");
}

std::string capability_name(int number) {
  if (number < 0 || number > kLastCapability) return "CAP_" + std::to_string(number);
  return "CAP_" + std::string(kNames[static_cast<size_t>(number)]);
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

CapabilityMask own_bounding_set() {
  CapabilityMask mask = 0;
  for (unsigned long number = 0; number < 64; ++number)
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) mask |= CapabilityMask{1} << number;
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
