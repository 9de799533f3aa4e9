#include "runtime/spec_read.h"

namespace runtime {
namespace {

constexpr uint32_t kLastArgument = 5;  // a system call has six

Result<security::SeccompArgument> read_argument(const JsonView& view) {
  security::SeccompArgument argument;
  argument.index = TRY(required_uint32(view, "index"));
  if (argument.index > kLastArgument) return invalid(view.pointer() + "/index: not 0 to 5");
  argument.value = TRY(required_unsigned(view, "value"));
  const auto value_two = TRY(view.optional_unsigned("valueTwo"));
  argument.value_two = value_two.value_or(0);
  argument.op = TRY(required_string(view, "op"));
  return argument;
}

Result<security::SeccompRule> read_rule(const JsonView& view) {
  security::SeccompRule rule;
  const auto names = TRY(view.at("names"));
  rule.names = TRY(names.strings());
  if (rule.names.empty()) return names.wrong("names no system call");
  rule.action = TRY(required_string(view, "action"));
  rule.errno_return = TRY(optional_uint32(view, "errnoRet"));
  rule.arguments = TRY(read_list(view, "args", read_argument));
  return rule;
}

}  // namespace

Result<std::optional<security::SeccompFilterSpec>> read_seccomp(const JsonView& view) {
  if (!view.is_object()) return view.wrong("not an object");
  security::SeccompFilterSpec filter;
  filter.rules = TRY(read_list(view, "syscalls", read_rule));
  if (filter.rules.empty() && !view.has("defaultAction")) {
    return std::optional<security::SeccompFilterSpec>();
  }
  filter.default_action = TRY(required_string(view, "defaultAction"));
  filter.default_errno_return = TRY(optional_uint32(view, "defaultErrnoRet"));
  filter.architectures = TRY(view.strings_or_empty("architectures"));
  filter.flags = TRY(view.strings_or_empty("flags"));
  filter.listener_path = TRY(view.string_or("listenerPath", ""));
  filter.listener_metadata = TRY(view.string_or("listenerMetadata", ""));
  return std::optional(std::move(filter));
}

}  // namespace runtime
