// The built-in profile from its tables. What is included was made by security/profiles/embed.cc when this was
// built.
#include <array>
#include <cstdint>

#include "base/strings.h"
#include "security/profile.h"

namespace security {
namespace {

struct ConditionRow {
  CapabilityMask capabilities;
  const char* architectures;  // separated by commas
  int kernel_major;           // -1: no version
  unsigned kernel_minor;
};
struct ArgumentRow {
  uint32_t index;
  uint64_t value;
  uint64_t value_two;
  const char* op;
};
struct RuleRow {
  size_t names_end;  // in kNames; a rule's names begin where those of the rule before end
  size_t arguments_end;
  const char* action;
  int64_t errno_return;  // -1: none
  ConditionRow includes;
  ConditionRow excludes;
};
struct ArchitectureRow {
  const char* name;
  const char* more;  // separated by commas
};

#include "security/default_profile.inc"

std::vector<std::string> words(const char* text) {
  return *text == '\0' ? std::vector<std::string>() : split(text, ',');
}

ProfileCondition make_condition(const ConditionRow& row) {
  ProfileCondition condition;
  condition.capabilities = row.capabilities;
  condition.architectures = words(row.architectures);
  if (row.kernel_major >= 0) {
    condition.min_kernel = KernelVersion{static_cast<unsigned>(row.kernel_major), row.kernel_minor};
  }
  return condition;
}

std::optional<uint32_t> make_errno(int64_t value) {
  return value < 0 ? std::nullopt : std::optional<uint32_t>(static_cast<uint32_t>(value));
}

}  // namespace

Profile builtin_profile() {
  Profile profile;
  profile.default_action = kDefaultAction;
  profile.default_errno_return = make_errno(kDefaultErrno);
  for (const ArchitectureRow& row : kArchitectures)
    profile.architecture_map.emplace_back(row.name, words(row.more));
  size_t name = 0;
  size_t argument = 0;
  profile.rules.reserve(kRules.size());
  for (const RuleRow& row : kRules) {
    ProfileRule& entry = profile.rules.emplace_back();
    entry.rule.names.assign(kNames.begin() + name, kNames.begin() + row.names_end);
    name = row.names_end;
    entry.rule.action = row.action;
    entry.rule.errno_return = make_errno(row.errno_return);
    for (; argument < row.arguments_end; ++argument) {
      const ArgumentRow& one = kArguments[argument];
      entry.rule.arguments.push_back({one.index, one.value, one.value_two, one.op});
    }
    entry.includes = make_condition(row.includes);
    entry.excludes = make_condition(row.excludes);
  }
  return profile;
}

const char* default_profile_text() {
  return kText;
}

}  // namespace security
