#include <algorithm>
#include <string_view>

#include "base/strings.h"
#include "runtime/spec_members.h"
#include "runtime/spec_read.h"

namespace runtime {
namespace {

Result<void> read_console_size(const JsonView& view, Process& process) {
  const auto size = TRY(object_member(view, "consoleSize"));
  if (!size) return ok();
  process.console_height = TRY(required_uint32(*size, "height"));
  process.console_width = TRY(required_uint32(*size, "width"));
  return ok();
}

// uid and gid are 0 when absent: that is what other runtimes' callers count on.
Result<User> read_user(const JsonView& view) {
  User user;
  const auto member = TRY(object_member(view, "user"));
  if (!member) return user;
  const auto uid = TRY(optional_uint32(*member, "uid"));
  const auto gid = TRY(optional_uint32(*member, "gid"));
  user.uid = uid.value_or(0);
  user.gid = gid.value_or(0);
  user.umask = TRY(optional_uint32(*member, "umask"));
  if (const auto gids = member->find("additionalGids")) user.additional_gids = TRY(gids->numbers());
  return user;
}

// A name that is none of the kernel's is no error: it is told, and not granted (config.md "Linux Process").
Result<security::CapabilityMask> read_capability_mask(const JsonView& view, const char* key,
                                                      std::vector<std::string>& unknown) {
  security::CapabilityMask mask = 0;
  for (const auto& name : TRY(view.strings_or_empty(key))) {
    const auto number = security::capability_number(name);
    if (number && name.starts_with("CAP_")) {
      mask |= security::CapabilityMask{1} << *number;
    } else if (std::find(unknown.begin(), unknown.end(), name) == unknown.end()) {
      unknown.push_back(name);
    }
  }
  return mask;
}

Result<void> read_capabilities(const JsonView& view, Process& process) {
  const auto member = TRY(object_member(view, "capabilities"));
  if (!member) return ok();
  process.capabilities.emplace();
  for (const auto& [key, set] : kCapabilitySets)
    (*process.capabilities).*set = TRY(read_capability_mask(*member, key, process.unknown_capabilities));
  return ok();
}

// -1 and 2^64 - 1 both mean unlimited: the first is what people write, the second what programs do.
Result<uint64_t> read_limit(const JsonView& view, const char* key) {
  const auto member = TRY(view.at(key));
  const auto number = member.integer();
  if (number && *number == -1) return UINT64_MAX;
  return member.unsigned_integer();
}

Result<Rlimit> read_rlimit(const JsonView& view) {
  Rlimit limit;
  limit.type = TRY(required_string(view, "type"));
  limit.soft = TRY(read_limit(view, "soft"));
  limit.hard = TRY(read_limit(view, "hard"));
  return limit;
}

Result<std::optional<Scheduler>> read_scheduler(const JsonView& view) {
  const auto member = TRY(object_member(view, "scheduler"));
  if (!member) return std::optional<Scheduler>();
  Scheduler scheduler;
  scheduler.policy = TRY(required_string(*member, "policy"));
  const auto nice = TRY(optional_int32(*member, "nice"));
  const auto priority = TRY(optional_int32(*member, "priority"));
  const auto runtime = TRY(member->optional_unsigned("runtime"));
  const auto deadline = TRY(member->optional_unsigned("deadline"));
  const auto period = TRY(member->optional_unsigned("period"));
  scheduler.nice = nice.value_or(0);
  scheduler.priority = priority.value_or(0);
  scheduler.flags = TRY(member->strings_or_empty("flags"));
  scheduler.runtime = runtime.value_or(0);
  scheduler.deadline = deadline.value_or(0);
  scheduler.period = period.value_or(0);
  return std::optional(std::move(scheduler));
}

Result<std::optional<IoPriority>> read_io_priority(const JsonView& view) {
  const auto member = TRY(object_member(view, "ioPriority"));
  if (!member) return std::optional<IoPriority>();
  IoPriority result;
  result.io_class = TRY(required_string(*member, "class"));
  const auto priority = TRY(optional_int32(*member, "priority"));
  result.priority = priority.value_or(0);
  return std::optional(std::move(result));
}

Result<void> read_cpu_affinity(const JsonView& view, Process& process) {
  const auto member = TRY(object_member(view, "execCPUAffinity"));
  if (!member) return ok();
  process.cpu_affinity_initial = TRY(member->string_or("initial", ""));
  process.cpu_affinity_final = TRY(member->string_or("final", ""));
  return ok();
}

}  // namespace

Result<Process> read_process(const JsonView& view) {
  if (!view.is_object()) return view.wrong("not an object");
  Process process;
  process.terminal = TRY(view.boolean_or("terminal", false));
  auto size = read_console_size(view, process);
  if (!size && process.terminal) return std::move(size).error();  // else it is ignored: config.md "Process"
  process.user = TRY(read_user(view));
  process.args = TRY(view.strings_or_empty("args"));
  if (process.args.empty()) return invalid(view.pointer() + "/args: missing; it names the program to run");
  process.env = TRY(view.strings_or_empty("env"));
  process.cwd = TRY(required_string(view, "cwd"));
  TRY(read_capabilities(view, process));
  process.rlimits = TRY(read_list(view, "rlimits", read_rlimit));
  process.no_new_privileges = TRY(view.boolean_or("noNewPrivileges", false));
  process.oom_score_adj = TRY(optional_int32(view, "oomScoreAdj"));
  process.apparmor_profile = TRY(view.string_or("apparmorProfile", ""));
  process.selinux_label = TRY(view.string_or("selinuxLabel", ""));
  process.scheduler = TRY(read_scheduler(view));
  process.io_priority = TRY(read_io_priority(view));
  TRY(read_cpu_affinity(view, process));
  return process;
}

}  // namespace runtime
