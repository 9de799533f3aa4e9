// Seccomp profiles in Docker's JSON format (docs "Seccomp security profiles for Docker"): names with
// conditions on capabilities, architecture and kernel. Resolving applies the conditions and leaves what
// config.json and the compiler know, a SeccompFilterSpec.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "security/capabilities.h"
#include "security/seccomp_spec.h"
#include "security/syscall_numbers.h"

namespace security {

// What the conditions of a profile are asked about.
struct ProfileFacts {
  CapabilityMask capabilities = 0;  // the container's bounding set
  unsigned kernel_major = 6;
  unsigned kernel_minor = 1;
  std::string architecture = native_go_architecture();
};

// The built-in profile as JSON, for people: security/profiles/default.json.
const char* default_profile_text();
// What resolve_profile() makes of it, without parsing anything: 0.02 ms instead of 0.4.
SeccompFilterSpec default_filter(const ProfileFacts& facts);

// Applies the conditions of a profile. Errors: kInvalid with the JSON pointer for a wrong type, both `name`
// and `names`, both `architectures` and `archMap`, an unknown capability, a kernel version that is not
// MAJOR.MINOR. Actions, operators and flags are checked by compile_filter().
Result<SeccompFilterSpec> resolve_profile(const Json& profile, const ProfileFacts& facts);

// The other filter, loaded before the profile's, whichever it is, but not for `unconfined`. It allows
// everything but what no container needs and user profiles forget: ioctls TIOCSTI and TIOCLINUX, which type
// on somebody's terminal, sockets of the kernel's crypto interface and of the hypervisor (AF_ALG, AF_VSOCK),
// and, without CAP_AUDIT_WRITE, audit sockets (EINVAL, which libaudit takes for a kernel without audit).
SeccompFilterSpec deny_filter(CapabilityMask capabilities);

}  // namespace security
