// A seccomp profile between its JSON and a SeccompFilterSpec: rules with their conditions. Read from a file,
// or the built-in one, whose tables are made from default.json when vial is built, because parsing 20 kB of
// JSON would take longer than anything else in a container's start.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "security/capabilities.h"
#include "security/seccomp_profile.h"
#include "security/seccomp_spec.h"

namespace security {

struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};

// A rule's `includes` or `excludes`.
struct ProfileCondition {
  CapabilityMask capabilities = 0;
  std::vector<std::string> architectures;
  std::optional<KernelVersion> min_kernel;
};

struct ProfileRule {
  SeccompRule rule;
  ProfileCondition includes;  // everything that is said must hold
  ProfileCondition excludes;  // anything that is said and holds is enough
};

struct Profile {
  std::string default_action;
  std::optional<uint32_t> default_errno_return;
  std::vector<std::string> architectures;
  std::vector<std::pair<std::string, std::vector<std::string>>>
      architecture_map;  // with their sub-architectures
  std::vector<std::string> flags;
  std::string listener_path;
  std::string listener_metadata;
  std::vector<ProfileRule> rules;
};

// Errors: as resolve_profile().
Result<Profile> read_profile(const Json& document);
// security/profiles/default.json.
Profile builtin_profile();

// Leaves what holds for these facts; `native` is the machine's SCMP_ARCH_ name.
SeccompFilterSpec apply_profile(const Profile& profile, const ProfileFacts& facts, const std::string& native);

}  // namespace security
