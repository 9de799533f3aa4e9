#include "runtime/spec_members.h"
#include "runtime/spec_write.h"

namespace runtime {
namespace {

Json write_user(const User& user) {
  Json object = {{"uid", user.uid}, {"gid", user.gid}};
  put(object, "umask", user.umask);
  put(object, "additionalGids", user.additional_gids);
  return object;
}

// All five lists, also when they are empty: an absent object would mean the caller's own capabilities.
Json write_capabilities(const security::CapabilitySets& sets) {
  Json object = Json::object();
  for (const auto& [key, set] : kCapabilitySets)
    object[key] = security::capability_names(sets.*set);
  return object;
}

// best_effort is how a default of ours is applied, no property of the container: not written.
Json write_rlimit(const Rlimit& limit) {
  return {{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}};
}

Json write_scheduler(const Scheduler& scheduler) {
  Json object = {{"policy", scheduler.policy}};
  if (scheduler.nice != 0) object["nice"] = scheduler.nice;
  if (scheduler.priority != 0) object["priority"] = scheduler.priority;
  put(object, "flags", scheduler.flags);
  if (scheduler.runtime != 0) object["runtime"] = scheduler.runtime;
  if (scheduler.deadline != 0) object["deadline"] = scheduler.deadline;
  if (scheduler.period != 0) object["period"] = scheduler.period;
  return object;
}

Json write_cpu_affinity(const Process& process) {
  Json object = Json::object();
  put(object, "initial", process.cpu_affinity_initial);
  put(object, "final", process.cpu_affinity_final);
  return object;
}

}  // namespace

Json write_process(const Process& process) {
  Json object = {{"user", write_user(process.user)}, {"cwd", process.cwd}};
  put(object, "terminal", process.terminal);
  if (process.console_height != 0 || process.console_width != 0) {
    object["consoleSize"] = {{"height", process.console_height}, {"width", process.console_width}};
  }
  put(object, "args", process.args);
  put(object, "env", process.env);
  if (process.capabilities) object["capabilities"] = write_capabilities(*process.capabilities);
  put(object, "rlimits", write_list(process.rlimits, write_rlimit));
  put(object, "noNewPrivileges", process.no_new_privileges);
  put(object, "oomScoreAdj", process.oom_score_adj);
  put(object, "apparmorProfile", process.apparmor_profile);
  put(object, "selinuxLabel", process.selinux_label);
  if (process.scheduler) object["scheduler"] = write_scheduler(*process.scheduler);
  if (process.io_priority) {
    object["ioPriority"] = {{"class", process.io_priority->io_class},
                            {"priority", process.io_priority->priority}};
  }
  put(object, "execCPUAffinity", write_cpu_affinity(process));
  return object;
}

bool has_process(const Spec& spec) {
  return !spec.process.args.empty() || write_process(spec.process) != write_process(Process{});
}

}  // namespace runtime
