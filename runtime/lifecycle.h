// What can be done to a container that exists: start, signal, delete, pause, resume. Each reads no more of
// the state than it needs, and config.json only when hooks have to run.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/create.h"
#include "runtime/state.h"

namespace runtime {

// Lets a created container go on to its program, and runs the poststart hooks. Errors, in the words that
// callers match: kNotFound "container does not exist", kConflict "cannot start an already running container"
// and "cannot start a container that has stopped", else the init's own error.
Result<void> start_container(const std::string& root, const std::string& id);

enum class Signaled { kInit, kAll };
// kConflict "container not running" when the init is dead; with kAll a dead init is no error, as what it left
// behind may have to be killed (containers that share a pid namespace). kConflict "cannot kill a container
// that is still being created".
Result<void> kill_container(const std::string& root, const std::string& id, int signal, Signaled whom);

// Undoes what the container left on the host, runs its poststop hooks and removes its state; a created one is
// killed first, with `force` every one. Errors: kConflict "cannot delete container ID that is not stopped:
// ..."; kNotFound, but not with `force`: who deletes twice has what was wanted. What failed in poststop hooks
// is only told, in `warnings`.
Result<void> delete_container(const std::string& root, const std::string& id, bool force,
                              std::vector<std::string>& warnings);
// The same for a container of this process's, whose init it has waited for: what it knows is not read again.
Result<void> delete_ended(const Made& made, std::vector<std::string>& warnings);

// kConflict "container not running" and "container not paused".
Result<void> pause_container(const std::string& root, const std::string& id);
Result<void> resume_container(const std::string& root, const std::string& id);

}  // namespace runtime
