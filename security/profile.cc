#include "security/profile.h"

#include <algorithm>

#include "base/strings.h"

namespace security {
namespace {

Result<KernelVersion> parse_kernel_version(const JsonView& value) {
  const std::string text = TRY(value.string());
  const auto parts = split(text, '.');
  if (parts.size() != 2) return value.wrong("not a kernel version (MAJOR.MINOR)");
  const auto major = parse_uint(parts[0]);
  const auto minor = parse_uint(parts[1]);
  if (!major || !minor || *major > UINT16_MAX || *minor > UINT16_MAX) {
    return value.wrong("not a kernel version (MAJOR.MINOR)");
  }
  return KernelVersion{static_cast<unsigned>(*major), static_cast<unsigned>(*minor)};
}

Result<ProfileCondition> read_condition(const JsonView& rule, const char* key) {
  ProfileCondition result;
  const auto member = rule.find(key);
  if (!member) return result;
  if (!member->is_object()) return member->wrong("not an object");
  const auto names = TRY(member->strings_or_empty("caps"));
  for (const std::string& name : names)
    result.capabilities |= CapabilityMask{1} << TRY_IN(member->pointer() + "/caps", capability_number(name));
  result.architectures = TRY(member->strings_or_empty("arches"));
  if (const auto kernel = member->find("minKernel")) result.min_kernel = TRY(parse_kernel_version(*kernel));
  return result;
}

bool is_at_least(const ProfileFacts& facts, const KernelVersion& wanted) {
  if (facts.kernel_major != wanted.major) return facts.kernel_major > wanted.major;
  return facts.kernel_minor >= wanted.minor;
}

bool names_architecture(const ProfileCondition& condition, const ProfileFacts& facts) {
  const auto& names = condition.architectures;
  return std::find(names.begin(), names.end(), facts.architecture) != names.end();
}

// `includes`: everything that is said must hold.
bool all_hold(const ProfileCondition& condition, const ProfileFacts& facts) {
  if ((condition.capabilities & ~facts.capabilities) != 0) return false;
  if (!condition.architectures.empty() && !names_architecture(condition, facts)) return false;
  return !condition.min_kernel || is_at_least(facts, *condition.min_kernel);
}

// `excludes`: anything that is said and holds is enough.
bool any_holds(const ProfileCondition& condition, const ProfileFacts& facts) {
  if ((condition.capabilities & facts.capabilities) != 0) return true;
  if (names_architecture(condition, facts)) return true;
  return condition.min_kernel && is_at_least(facts, *condition.min_kernel);
}

Result<std::optional<uint32_t>> read_errno(const JsonView& object, const char* key) {
  const auto value = TRY(object.optional_unsigned(key));
  if (!value) return std::optional<uint32_t>();
  if (*value > UINT32_MAX) return object.wrong(std::string(key) + " is out of range");
  return std::optional<uint32_t>(static_cast<uint32_t>(*value));
}

Result<SeccompArgument> read_argument(const JsonView& value) {
  SeccompArgument argument;
  const auto index = TRY(value.at("index"));
  const uint64_t number = TRY(index.unsigned_integer());
  if (number > 5) return index.wrong("not an argument (0 to 5)");
  argument.index = static_cast<uint32_t>(number);
  const auto datum = TRY(value.at("value"));
  argument.value = TRY(datum.unsigned_integer());
  argument.value_two = TRY(value.optional_unsigned("valueTwo")).value_or(0);
  const auto op = TRY(value.at("op"));
  argument.op = TRY(op.string());
  return argument;
}

Result<std::vector<std::string>> read_names(const JsonView& value) {
  auto names = TRY(value.strings_or_empty("names"));
  const std::string name = TRY(value.string_or("name", ""));
  if (!name.empty() && !names.empty()) return value.wrong("has both name and names");
  if (!name.empty()) names.push_back(name);
  return names;
}

Result<SeccompRule> read_rule(const JsonView& value) {
  SeccompRule rule;
  rule.names = TRY(read_names(value));
  const auto action = TRY(value.at("action"));
  rule.action = TRY(action.string());
  rule.errno_return = TRY(read_errno(value, "errnoRet"));
  const auto arguments = value.find("args");
  if (!arguments) return rule;
  const auto elements = TRY(arguments->elements());
  for (const JsonView& element : elements)
    rule.arguments.push_back(TRY(read_argument(element)));
  return rule;
}

Result<ProfileRule> read_profile_rule(const JsonView& value) {
  if (!value.is_object()) return value.wrong("not an object");
  ProfileRule result;
  result.rule = TRY(read_rule(value));
  result.includes = TRY(read_condition(value, "includes"));
  result.excludes = TRY(read_condition(value, "excludes"));
  return result;
}

Result<void> read_architectures(const JsonView& document, Profile& profile) {
  profile.architectures = TRY(document.strings_or_empty("architectures"));
  const auto map = document.find("archMap");
  if (!map) return ok();
  const auto entries = TRY(map->elements());
  if (!profile.architectures.empty() && !entries.empty()) {
    return document.wrong("has both architectures and archMap");
  }
  for (const JsonView& entry : entries) {
    const auto name = TRY(entry.string_or("architecture", ""));
    profile.architecture_map.emplace_back(name, TRY(entry.strings_or_empty("subArchitectures")));
  }
  return ok();
}

}  // namespace

Result<Profile> read_profile(const Json& document) {
  const JsonView view(document);
  Profile profile;
  const auto action = TRY(view.at("defaultAction"));
  profile.default_action = TRY(action.string());
  profile.default_errno_return = TRY(read_errno(view, "defaultErrnoRet"));
  TRY(read_architectures(view, profile));
  profile.flags = TRY(view.strings_or_empty("flags"));
  profile.listener_path = TRY(view.string_or("listenerPath", ""));
  profile.listener_metadata = TRY(view.string_or("listenerMetadata", ""));
  const auto syscalls = view.find("syscalls");
  if (!syscalls) return profile;
  const auto elements = TRY(syscalls->elements());
  for (const JsonView& element : elements)
    profile.rules.push_back(TRY(read_profile_rule(element)));
  return profile;
}

SeccompFilterSpec apply_profile(const Profile& profile, const ProfileFacts& facts,
                                const std::string& native) {
  SeccompFilterSpec spec;
  spec.default_action = profile.default_action;
  spec.default_errno_return = profile.default_errno_return;
  spec.architectures = profile.architectures;
  for (const auto& [name, more] : profile.architecture_map) {
    if (name != native) continue;
    spec.architectures.push_back(name);
    spec.architectures.insert(spec.architectures.end(), more.begin(), more.end());
  }
  spec.flags = profile.flags;
  spec.listener_path = profile.listener_path;
  spec.listener_metadata = profile.listener_metadata;
  for (const ProfileRule& entry : profile.rules) {
    if (entry.rule.names.empty() || !all_hold(entry.includes, facts) || any_holds(entry.excludes, facts))
      continue;
    spec.rules.push_back(entry.rule);
  }
  return spec;
}

}  // namespace security
