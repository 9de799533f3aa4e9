// Capability sets (capabilities(7)): names, masks, Docker's defaults and how --cap-add and --cap-drop change
// them. Pure but for own_bounding_set(); the steps that apply a set are in security/privileges.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace security {

// A set of capabilities: bit n is capability number n.
using CapabilityMask = uint64_t;
constexpr CapabilityMask bit(int capability) {
  return CapabilityMask{1} << static_cast<unsigned>(capability);
}

// CAP_CHECKPOINT_RESTORE, the last of the 41 that Linux 5.9 and later know.
inline constexpr int kLastCapability = 40;

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
// "CAP_NET_RAW"; "CAP_41" for a number without a name, as the kernel may know more than this build.
std::string capability_name(int number);
// In the order of their numbers.
std::vector<std::string> capability_names(CapabilityMask mask);
// All 41.
CapabilityMask all_capabilities();
// What a container has when nobody says otherwise: Docker's 14 without MKNOD and AUDIT_WRITE, which hardly
// any image needs.
CapabilityMask default_capabilities();
// Docker's own 14, for who asks to have them back.
CapabilityMask docker_default_capabilities();
// The capabilities that this process could hand on: our own bounding set, by a prctl(PR_CAPBSET_READ) for
// each that is asked for.
CapabilityMask own_bounding_set(CapabilityMask asked = ~CapabilityMask{0});

// What the command line says about capabilities.
struct CapabilityChanges {
  std::vector<std::string> add;   // names with or without CAP_, in any case, or "ALL"
  std::vector<std::string> drop;  // the same
  bool privileged = false;        // all of them, whatever add and drop say
};

// Docker's rules: ALL added is all but the dropped; ALL dropped is only the added; else base - drop + add.
// Errors: kInvalid in Docker's words, `invalid CapAdd: unknown capability: "CAP_X"`.
// Source: moby daemon/pkg/oci/caps.
Result<CapabilityMask> change_capabilities(CapabilityMask base, const CapabilityChanges& changes);

// The sets that a process with this uid starts with: inheritable and ambient are always empty
// (CVE-2022-24769), effective and permitted too unless uid is 0, as execve(2) would leave them.
CapabilitySets capability_sets_for(CapabilityMask allowed, uint32_t uid);

// The sets without what is not in `available` (a host may run us with a reduced bounding set; asking for more
// than it has fails with EPERM).
CapabilitySets limit_capabilities(const CapabilitySets& sets, CapabilityMask available);

}  // namespace security
