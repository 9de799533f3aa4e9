#include "runtime/process_plan.h"

#include <algorithm>

#include "namespaces/host_trees.h"
#include "runtime/hook_steps.h"
#include "runtime/init_steps.h"
#include "runtime/spec_validate.h"
#include "security/labels.h"
#include "security/limits.h"
#include "security/privileges.h"

namespace runtime {
namespace {

std::vector<security::ResourceLimit> limits_of(const Process& process) {
  std::vector<security::ResourceLimit> limits;
  for (const auto& limit : process.rlimits)
    limits.push_back({limit.type, limit.soft, limit.hard, limit.best_effort});
  return limits;
}

// While it is still root.
Result<void> add_settings(Plan& plan, const ProcessPlan& request) {
  const Process& process = *request.process;
  const bool named = request.names_members;
  if (process.oom_score_adj && !request.in_user_namespace) {
    plan.push_back(
        TRY(of_member(named, "/process/oomScoreAdj", security::oom_score_adj_step(*process.oom_score_adj))));
  }
  if (!process.rlimits.empty()) {
    plan.push_back(
        TRY(of_member(named, "/process/rlimits", security::resource_limits_step(limits_of(process)))));
  }
  if (process.scheduler) {
    const Scheduler& s = *process.scheduler;
    plan.push_back(TRY(of_member(
        named, "/process/scheduler",
        security::scheduler_step({s.policy, s.nice, s.priority, s.flags, s.runtime, s.deadline, s.period}))));
  }
  if (process.io_priority) {
    const IoPriority& priority = *process.io_priority;
    plan.push_back(TRY(of_member(named, "/process/ioPriority",
                                 security::io_priority_step(priority.io_class, priority.priority))));
  }
  if (!process.apparmor_profile.empty())
    plan.push_back(security::apparmor_profile_step(process.apparmor_profile));
  if (!process.selinux_label.empty()) plan.push_back(security::selinux_label_step(process.selinux_label));
  return ok();
}

Result<void> add_domain(Plan& plan, const ProcessPlan& request) {
  const Linux& os = *request.os;
  const bool named = request.names_members;
  if (!os.personality_domain.empty()) {
    plan.push_back(
        TRY(of_member(named, "/linux/personality", security::personality_step(os.personality_domain))));
  }
  if (request.is_init && !os.memory_policy_mode.empty()) {
    plan.push_back(TRY(of_member(named, "/linux/memoryPolicy",
                                 security::memory_policy_step({os.memory_policy_mode, os.memory_policy_nodes,
                                                               os.memory_policy_flags}))));
  }
  return ok();
}

void add_seccomp(Plan& plan, ProcessPlan& request) {
  for (auto& program : request.seccomp) {
    plan.push_back(security::seccomp_step(std::move(program), request.listened));
  }
}

// Giving up privileges. Without no_new_privs the filters need CAP_SYS_ADMIN and come first.
void add_privileges(Plan& plan, ProcessPlan& request) {
  const Process& process = *request.process;
  if (process.capabilities) plan.push_back(security::drop_bounding_set_step(process.capabilities->bounding));
  if (!process.no_new_privileges) {
    plan.push_back(let_go_step(request.preserve_fds, false));
    add_seccomp(plan, request);
  }
  const User& user = process.user;
  plan.push_back(
      security::set_ids_step({user.uid, user.gid, user.additional_gids, user.umask.value_or(022)}));
  if (process.capabilities) plan.push_back(security::set_capabilities_step(*process.capabilities));
  if (process.no_new_privileges) plan.push_back(security::no_new_privs_step());
  plan.push_back(ready_step());
  if (request.hooks != nullptr && !request.hooks->start_container.empty())
    plan.push_back(start_container_hooks_step(*request.hooks, request.hook_state));
  if (!process.no_new_privileges) return;
  plan.push_back(let_go_step(request.preserve_fds, true));
  add_seccomp(plan, request);
}

}  // namespace

std::optional<uid_t> host_user(const Process& process, const Linux& os, bool in_user_namespace) {
  if (!in_user_namespace) return process.user.uid;
  return namespaces::host_id_of(os.uid_mappings, process.user.uid);
}

void add_streams(Plan& plan, const Process& process, const Linux& os, bool in_user_namespace) {
  const auto uid = host_user(process, os, in_user_namespace);
  if (!process.terminal && uid && *uid != 0) plan.push_back(give_streams_step(*uid));
}

Result<StepPtr> grants_of(const Process& process, bool in_user_namespace) {
  const security::Grants grants = {limits_of(process), process.oom_score_adj};
  if (!in_user_namespace || grants.empty()) return StepPtr();
  return security::grants_step(grants);
}

bool writes_to_procfs(const Process& process, bool in_user_namespace) {
  return (process.oom_score_adj && !in_user_namespace) || !process.apparmor_profile.empty() ||
         !process.selinux_label.empty();
}

Result<void> add_process_steps(Plan& plan, ProcessPlan request) {
  const Process& process = *request.process;
  plan.push_back(stdio_step(process.terminal));
  if (request.new_keyring) plan.push_back(security::session_keyring_step());
  TRY(add_settings(plan, request));
  TRY(add_domain(plan, request));
  plan.push_back(working_directory_step(process.cwd, request.is_init));
  auto env = settle_environment(process.env);
  std::erase(env, "HOME=");  // an empty one is none, as with runc
  const bool has_home =
      std::any_of(env.begin(), env.end(), [](const auto& entry) { return entry.starts_with("HOME="); });
  if (!has_home) plan.push_back(home_step(process.user.uid));
  plan.push_back(find_executable_step(process.args, env));
  add_privileges(plan, request);
  plan.push_back(exec_step(process.args, env, !process.no_new_privileges));
  return ok();
}

}  // namespace runtime
