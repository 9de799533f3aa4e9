// The members of config.json that come as several of one shape, each named once, so that reading, writing and
// checking can't drift apart: hook lists, capability sets, block device limits.
#pragma once

#include <array>
#include <vector>

#include "runtime/spec.h"

namespace runtime {

template <typename Struct, typename Member>
struct NamedMember {
  const char* key;
  Member Struct::*member;
};

// runtime-spec config.md "POSIX-platform Hooks", in the order in which they run.
inline constexpr std::array<NamedMember<Hooks, std::vector<Hook>>, 6> kHookLists = {{
    {"prestart", &Hooks::prestart},
    {"createRuntime", &Hooks::create_runtime},
    {"createContainer", &Hooks::create_container},
    {"startContainer", &Hooks::start_container},
    {"poststart", &Hooks::poststart},
    {"poststop", &Hooks::poststop},
}};

// runtime-spec config.md "Linux Process".
inline constexpr std::array<NamedMember<security::CapabilitySets, security::CapabilityMask>, 5>
    kCapabilitySets = {{
        {"bounding", &security::CapabilitySets::bounding},
        {"effective", &security::CapabilitySets::effective},
        {"inheritable", &security::CapabilitySets::inheritable},
        {"permitted", &security::CapabilitySets::permitted},
        {"ambient", &security::CapabilitySets::ambient},
    }};

// runtime-spec config-linux.md "Block IO": those whose entries have a rate.
inline constexpr std::array<NamedMember<cgroups::BlockIo, std::vector<cgroups::BlockIoDevice>>, 4>
    kThrottleLists = {{
        {"throttleReadBpsDevice", &cgroups::BlockIo::read_bps},
        {"throttleWriteBpsDevice", &cgroups::BlockIo::write_bps},
        {"throttleReadIOPSDevice", &cgroups::BlockIo::read_iops},
        {"throttleWriteIOPSDevice", &cgroups::BlockIo::write_iops},
    }};

}  // namespace runtime
