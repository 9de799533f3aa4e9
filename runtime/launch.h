// Launching: walks a plan's host lane, clones the init, which walks the init lane, and talks to it over one
// socket. The caller must have one thread (a clone of a threaded process may inherit a held lock).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "base/step.h"
#include "runtime/performance.h"

namespace runtime {

// What becomes the container's descriptors 0, 1 and 2. Ignored with a terminal: then all three are the pty's
// slave.
struct Stdio {
  Fd in;
  Fd out;
  Fd err;
};

struct LaunchRequest {
  const Plan* plan = nullptr;
  Stdio stdio;
  bool terminal = false;      // make a pty in the container's devpts and hand its master out
  std::string journal_path;   // where the plan's undo list is written before the first step; empty: nowhere
  bool observe = false;       // record before -> after of every step (a view asked for it)
  std::vector<int> keep_fds;  // descriptors to pass on besides 0-2 (--preserve-fds), in the init's numbering
  // Called before each step when set (--step); an error from it stops the launch and undoes what was done.
  std::function<Result<void>(const Step&, size_t index)> before_step;
};

// A container whose init is ready and waits: everything is done but the last steps (seccomp without
// no_new_privs excepted) and execve. Destroying it before start() kills the init; the caller then undoes the
// plan.
class Launched {
 public:
  ProcessIdentity init;  // as the host sees it
  Fd pidfd;
  Fd console_master;  // with a terminal
  Performance performance;
  Fd handshake;
  std::string failed_step;

  // Lets the init go on to execve. Returns when execve has happened; otherwise the init's own error
  // (kNotFound: docker's 127, errno EACCES: 126). See start_error_exit_code().
  Result<void> start();
};

// Performs the plan. On an error all that was done is undone (as undo_all) and nothing is left on the host;
// the text names the failed step: "step 14/31: mount proc on /proc: Operation not permitted".
Result<std::unique_ptr<Launched>> launch(LaunchRequest request);

// What a plan may leave on the host, last step first.
std::vector<Undo> undo_list(const Plan& plan);
// Undoes the entries in order; goes on after an error and returns the first one. Entries that are not there
// are no error. Kinds "cgroup", "directory" and "file" are known here; `more` is asked first, so that engine
// can add its own kinds.
using UndoHandler = std::function<bool(const Undo&, Result<void>&)>;
Result<void> undo_all(const std::vector<Undo>& entries, const UndoHandler& more = nullptr);
// The undo list of a journal file; empty if there is none.
Result<std::vector<Undo>> read_journal(const std::string& path);

// 127 for a command that is not there, 126 for one that can't be executed, 125 for everything else.
int start_error_exit_code(const Error& error);

}  // namespace runtime
