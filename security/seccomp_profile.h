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

// The built-in profile: security/profiles/default.json, compiled in.
const std::string& default_profile_text();

// Applies the conditions of a profile. A profile of Docker gives one filter. Errors: kInvalid with the JSON
// pointer for a wrong type, an unknown action or operator, both `name` and `names`, an unknown capability, a
// kernel version that is not MAJOR.MINOR.
Result<SeccompFilterSpec> resolve_profile(const Json& profile, const ProfileFacts& facts);

// The second filter, that is stacked on every profile but `unconfined`: allows everything but what an
// allow-list can't take out again (TIOCSTI and TIOCLINUX type on somebody's terminal) and AF_ALG, AF_VSOCK.
SeccompFilterSpec deny_filter();

// Both filters for a container without a profile of its own, in the order they are loaded: the deny filter,
// then the allow-list.
Result<std::vector<SeccompFilterSpec>> default_filters(const ProfileFacts& facts);
// The same with a user's profile instead (the content of its file).
Result<std::vector<SeccompFilterSpec>> user_filters(const std::string& profile_text,
                                                    const ProfileFacts& facts);

}  // namespace security
