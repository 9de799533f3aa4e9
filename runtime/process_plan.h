// The part of a plan that a container's first process and every later one have in common: from standard
// streams to execve.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"
#include "base/step.h"
#include "runtime/hooks.h"
#include "runtime/spec.h"
#include "security/filter.h"
#include "security/seccomp_steps.h"

namespace runtime {

struct ProcessPlan {
  const Process* process = nullptr;
  const Linux* os = nullptr;     // personality and memory policy
  bool is_init = false;          // the container's first process
  bool new_keyring = true;       // a session keyring of its own
  const Hooks* hooks = nullptr;  // whose startContainer hooks run; null for exec
  HookState hook_state;
  std::vector<security::FilterProgram> seccomp;
  security::ListenedContainer listened;
  bool names_members = false;  // errors say where in config.json
  unsigned preserve_fds = 0;
  bool in_user_namespace = false;  // grants_of() has set the score
};

// The host's id of the user who runs in the container; nullopt when nobody of the host's is known as that
// user.
std::optional<uid_t> host_user(const Process& process, const Linux& os, bool in_user_namespace);

// Whether settings of the process are written to its /proc. In a user namespace the score is the launcher's.
bool writes_to_procfs(const Process& process, bool in_user_namespace);

// Host lane: the container's pipes are its user's. Nothing to do with a terminal or for the host's root.
void add_streams(Plan& plan, const Process& process, const Linux& os, bool in_user_namespace);

// The step that grants a process of a user namespace the limits that it may not set itself; null: there are
// none.
Result<StepPtr> grants_of(const Process& process, bool in_user_namespace);

// Appends the steps that follow once the file system is the container's: streams, keyring, limits, directory,
// program, privileges, ready, execve. Errors: kInvalid for values that the steps refuse.
Result<void> add_process_steps(Plan& plan, ProcessPlan request);

}  // namespace runtime
