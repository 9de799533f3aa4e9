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

namespace security {

// What the conditions of a profile are asked about.
struct ProfileFacts {
  CapabilityMask capabilities = 0;  // the container's bounding set
  unsigned kernel_major = 6;
  unsigned kernel_minor = 1;
  std::string architecture = "amd64";  // Go's names: "amd64", "arm64"
};

// The built-in profile as JSON, for people: security/profiles/default.json. default_filters() does not parse
// it.
const char* default_profile_text();

// Applies the conditions of a profile. Errors: kInvalid with the JSON pointer for a wrong type, both `name`
// and `names`, both `architectures` and `archMap`, an unknown capability, a kernel version that is not
// MAJOR.MINOR. Actions, operators and flags are checked by compile_filter().
Result<SeccompFilterSpec> resolve_profile(const Json& profile, const ProfileFacts& facts);

// The second filter, that is stacked on every profile but `unconfined`. It allows everything but what no
// container needs and user profiles forget: ioctls TIOCSTI and TIOCLINUX, which type on somebody's terminal,
// sockets of the kernel's crypto interface and of the hypervisor (AF_ALG, AF_VSOCK), and, without
// CAP_AUDIT_WRITE, audit sockets (EINVAL, which libaudit takes for a kernel without audit).
SeccompFilterSpec deny_filter(CapabilityMask capabilities);

// Both filters for a container without a profile of its own, in the order they are loaded: the deny filter,
// then the allow-list.
std::vector<SeccompFilterSpec> default_filters(const ProfileFacts& facts);
// The same with a user's profile instead (the content of its file).
Result<std::vector<SeccompFilterSpec>> user_filters(const std::string& profile_text,
                                                    const ProfileFacts& facts);

}  // namespace security
