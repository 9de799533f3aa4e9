// Running the hooks of config.json: programs that the one who made the bundle wants to run at points of a
// container's life, each with the container's state on its standard input.
// Source: runtime-spec config.md "POSIX-platform Hooks", runtime.md "Lifecycle" and "State".
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "runtime/spec.h"

namespace runtime {

// What a hook reads from its standard input.
struct HookState {
  std::string oci_version = kSpecVersion;
  std::string id;
  std::string status;  // "creating", "created", "running", "stopped"
  pid_t pid = 0;       // of the container's process in the hook's own pid namespace; 0: there is none
  std::string bundle;
  std::map<std::string, std::string> annotations;
};
std::string hook_state_json(const HookState& state);

// Runs the hooks of one list (`name`: "poststart", as in config.json) in their order, in the caller's
// namespaces, with `state` on standard input, their own environment and nothing of ours, no descriptor above
// 2. The first one that can't be run, fails or exceeds its timeout (it is killed then, with its process
// group) ends the list. Errors: kSystem, "poststart hook 1/2 /usr/bin/x: exited with code 3: what it
// printed".
// Hooks of the host start in the bundle, as those of runc and crun do; those inside the container where the
// init is.
enum class HookPlace { kBundle, kHere };
Result<void> run_hooks(const char* name, const std::vector<Hook>& hooks, const HookState& state,
                       HookPlace where = HookPlace::kBundle);

// The same for poststop: all hooks run whatever becomes of the others. Returns what went wrong, as texts: to
// be logged, the container is deleted nevertheless.
std::vector<std::string> run_poststop_hooks(const std::vector<Hook>& hooks, const HookState& state);

// For whoever creates, starts and deletes containers (everything up to startContainer is in the plan):
//   start    run_hooks("poststart", ..., status "running") when the program runs; an error of it is an error
//            of start: the container is killed and deleted (spec 1.3)
//   delete   run_poststop_hooks(..., status "stopped", pid 0) when everything else is gone
//   create   that failed in a hook is deleted, too: after launch() has undone the plan, poststop hooks run

}  // namespace runtime
