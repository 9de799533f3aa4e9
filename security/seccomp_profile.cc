#include "security/seccomp_profile.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "security/syscall_numbers.h"

namespace security {
namespace {

struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
};

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

// A rule's `includes` or `excludes`.
struct Condition {
  CapabilityMask capabilities = 0;
  std::vector<std::string> architectures;
  std::optional<KernelVersion> min_kernel;
};

Result<Condition> read_condition(const JsonView& rule, const char* key) {
  Condition result;
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

bool names_architecture(const Condition& condition, const ProfileFacts& facts) {
  const auto& names = condition.architectures;
  return std::find(names.begin(), names.end(), facts.architecture) != names.end();
}

// `includes`: everything that is said must hold.
bool all_hold(const Condition& condition, const ProfileFacts& facts) {
  if ((condition.capabilities & ~facts.capabilities) != 0) return false;
  if (!condition.architectures.empty() && !names_architecture(condition, facts)) return false;
  return !condition.min_kernel || is_at_least(facts, *condition.min_kernel);
}

// `excludes`: anything that is said and holds is enough.
bool any_holds(const Condition& condition, const ProfileFacts& facts) {
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

// `architectures` as they are, or those of the archMap's entry for this machine.
Result<std::vector<std::string>> read_architectures(const JsonView& profile) {
  auto listed = TRY(profile.strings_or_empty("architectures"));
  const auto map = profile.find("archMap");
  if (!map) return listed;
  const auto entries = TRY(map->elements());
  if (!listed.empty() && !entries.empty()) return profile.wrong("has both architectures and archMap");
  const std::string native = native_scmp_architecture();
  for (const JsonView& entry : entries) {
    const auto name = TRY(entry.string_or("architecture", ""));
    const auto more = TRY(entry.strings_or_empty("subArchitectures"));
    if (name != native) continue;
    listed.push_back(name);
    listed.insert(listed.end(), more.begin(), more.end());
  }
  return listed;
}

SeccompRule deny(const char* call, std::vector<SeccompArgument> arguments, uint32_t error) {
  return {{call}, "SCMP_ACT_ERRNO", error, std::move(arguments)};
}

// The kernel takes all of these arguments as 32 bits.
SeccompArgument is(uint32_t index, uint64_t value) {
  return {index, UINT32_MAX, value, "SCMP_CMP_MASKED_EQ"};
}

}  // namespace

Result<SeccompFilterSpec> resolve_profile(const Json& profile, const ProfileFacts& facts) {
  const JsonView document(profile, "");
  SeccompFilterSpec spec;
  const auto action = TRY(document.at("defaultAction"));
  spec.default_action = TRY(action.string());
  spec.default_errno_return = TRY(read_errno(document, "defaultErrnoRet"));
  spec.architectures = TRY(read_architectures(document));
  spec.flags = TRY(document.strings_or_empty("flags"));
  spec.listener_path = TRY(document.string_or("listenerPath", ""));
  spec.listener_metadata = TRY(document.string_or("listenerMetadata", ""));
  const auto syscalls = document.find("syscalls");
  if (!syscalls) return spec;
  const auto elements = TRY(syscalls->elements());
  for (const JsonView& element : elements) {
    if (!element.is_object()) return element.wrong("not an object");
    SeccompRule rule = TRY(read_rule(element));
    const Condition includes = TRY(read_condition(element, "includes"));
    const Condition excludes = TRY(read_condition(element, "excludes"));
    if (!all_hold(includes, facts) || any_holds(excludes, facts)) continue;
    if (!rule.names.empty()) spec.rules.push_back(std::move(rule));
  }
  return spec;
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

Result<std::vector<SeccompFilterSpec>> user_filters(const std::string& profile_text,
                                                    const ProfileFacts& facts) {
  const Json profile = TRY(parse_json(profile_text));
  std::vector<SeccompFilterSpec> filters = {deny_filter(facts.capabilities)};
  filters.push_back(TRY(resolve_profile(profile, facts)));
  return filters;
}

Result<std::vector<SeccompFilterSpec>> default_filters(const ProfileFacts& facts) {
  return user_filters(default_profile_text(), facts);
}

}  // namespace security
