#include "security/seccomp_profile.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "security/profile.h"
#include "security/syscall_numbers.h"

namespace security {
namespace {

SeccompRule deny(const char* call, std::vector<SeccompArgument> arguments, uint32_t error) {
  return {{call}, "SCMP_ACT_ERRNO", error, std::move(arguments)};
}

// The kernel takes all of these arguments as 32 bits.
SeccompArgument is(uint32_t index, uint64_t value) {
  return {index, UINT32_MAX, value, "SCMP_CMP_MASKED_EQ"};
}

}  // namespace

Result<SeccompFilterSpec> resolve_profile(const Json& profile, const ProfileFacts& facts) {
  const Profile read = TRY(read_profile(profile));
  return apply_profile(read, facts, native_scmp_architecture());
}

SeccompFilterSpec default_filter(const ProfileFacts& facts) {
  return apply_profile(builtin_profile(), facts, native_scmp_architecture());
}

SeccompFilterSpec deny_filter(CapabilityMask capabilities) {
  SeccompFilterSpec spec;
  spec.default_action = "SCMP_ACT_ALLOW";
  spec.architectures = {native_scmp_architecture()};
  if (spec.architectures[0] == "SCMP_ARCH_X86_64") spec.architectures.emplace_back("SCMP_ARCH_X86");
  if (spec.architectures[0] == "SCMP_ARCH_AARCH64") spec.architectures.emplace_back("SCMP_ARCH_ARM");
  spec.rules.push_back(deny("ioctl", {is(1, TIOCSTI)}, EPERM));
  spec.rules.push_back(deny("ioctl", {is(1, TIOCLINUX)}, EPERM));
  spec.rules.push_back(deny("socket", {is(0, AF_ALG)}, EPERM));
  spec.rules.push_back(deny("socket", {is(0, AF_VSOCK)}, EPERM));
  if ((capabilities & (CapabilityMask{1} << CAP_AUDIT_WRITE)) == 0) {
    spec.rules.push_back(deny("socket", {is(0, AF_NETLINK), is(2, NETLINK_AUDIT)}, EINVAL));
  }
  return spec;
}

}  // namespace security
