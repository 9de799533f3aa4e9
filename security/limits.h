// The steps for what is set on the process itself: resource limits, the OOM killer's preference, scheduling,
// CPU affinity, execution domain, memory policy. All are in the init lane, before the ids change.
#pragma once

#include <sched.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/step.h"

namespace security {

// getrlimit(2). Units are the resource's own; UINT64_MAX is "unlimited".
struct ResourceLimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0;
  uint64_t hard = 0;
  // A default of ours: when the hard limit can't be raised the present one stays, soft is lowered to it, and
  // a warning goes to the context. What the user asked for fails instead.
  bool best_effort = false;
};
// The number of "RLIMIT_NOFILE", "nofile" or "NOFILE". kInvalid for another name.
Result<int> resource_limit_number(const std::string& type);
// kInvalid for an unknown name, a name given twice, or a soft limit above the hard one.
// perform: kSystem EPERM when a limit may not be raised (no CAP_SYS_RESOURCE). prlimit(2).
Result<StepPtr> resource_limits_step(const std::vector<ResourceLimit>& limits);

// -1000 (never killed) ... 1000 (first). Written through context.proc_fd; kInvalid outside of the range.
// perform: kSystem EACCES when it is lowered without CAP_SYS_RESOURCE. proc(5).
Result<StepPtr> oom_score_adj_step(int score);

// For a process in a user namespace, whose CAP_SYS_RESOURCE counts for neither, and whose /proc/self is not
// its own before it executes: the host's root raises the hard limits that are too low, and sets the score,
// for context.init_pid, or for itself (0) before it enters. resource_limits_step() then sets what is wanted,
// and says what was not granted. Host lane. perform: as oom_score_adj_step(). prlimit(2), proc(5).
struct Grants {
  std::vector<ResourceLimit> limits;
  std::optional<int> oom_score_adj;
  bool empty() const { return limits.empty() && !oom_score_adj; }
};
Result<StepPtr> grants_step(const Grants& grants);

// sched_setattr(2). Times in nanoseconds, only for SCHED_DEADLINE.
struct SchedulerSettings {
  std::string
      policy;  // "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE", "SCHED_DEADLINE"
  int32_t nice = 0;
  int32_t priority = 0;
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK", ...
  uint64_t runtime_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};
// kInvalid for an unknown policy or flag, a nice value outside -20..19, times or a priority that the policy
// does not take.
Result<StepPtr> scheduler_step(const SchedulerSettings& settings);

// ioprio_set(2): class "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE" or "IOPRIO_CLASS_IDLE", priority 0 (high) .. 7.
// kInvalid for anything else.
Result<StepPtr> io_priority_step(const std::string& io_class, int priority);

// "0-3,8" -> the set. kInvalid for an empty list, a reversed range, or a CPU number above CPU_SETSIZE - 1.
// cpuset(7), "List format".
Result<cpu_set_t> parse_cpu_list(const std::string& list);
// sched_setaffinity(2) for process.execCPUAffinity, in the lane of whom it is for: the launcher before it
// clones, or the process that is in its cgroup by now. An empty list means every CPU the cgroup has.
Result<StepPtr> cpu_affinity_step(Lane lane, const std::string& list);

// linux.memoryPolicy: "MPOL_BIND", nodes "0-1,3", flags "MPOL_F_STATIC_NODES", ...
struct MemoryPolicy {
  std::string mode;
  std::string nodes;
  std::vector<std::string> flags;
};
// kInvalid for unknown words, and nodes that the mode needs or does not take. perform: kUnsupported on a
// kernel without NUMA. set_mempolicy(2).
Result<StepPtr> memory_policy_step(const MemoryPolicy& policy);

// personality(2): "LINUX" or "LINUX32". kInvalid for anything else.
Result<StepPtr> personality_step(const std::string& domain);

}  // namespace security
