// A seccomp filter as config.json has it (runtime-spec config-linux.md "Seccomp"): names and numbers, not yet
// BPF.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace security {

struct SeccompArgument {
  uint32_t index = 0;  // 0..5
  uint64_t value = 0;
  uint64_t value_two = 0;  // the mask's result for SCMP_CMP_MASKED_EQ
  std::string op;          // "SCMP_CMP_EQ", ...
  bool operator==(const SeccompArgument&) const = default;
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;  // "SCMP_ACT_ALLOW", ...
  std::optional<uint32_t> errno_return;
  std::vector<SeccompArgument> arguments;  // all must match
  bool operator==(const SeccompRule&) const = default;
};

struct SeccompFilterSpec {
  std::string default_action;
  std::optional<uint32_t> default_errno_return;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64", ...
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG", ...
  std::vector<SeccompRule> rules;
  std::string listener_path;
  std::string listener_metadata;
  bool operator==(const SeccompFilterSpec&) const = default;
};

}  // namespace security
