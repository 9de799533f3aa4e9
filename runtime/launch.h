// Launching: walks a plan's host lane, clones the init, which walks the init lane, and talks to it over one
// socket. The caller must have one thread (a clone of a threaded process may inherit a held lock).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "base/step.h"
#include "runtime/performance.h"
#include "runtime/undo.h"

namespace runtime {

// What becomes the container's descriptors 0, 1 and 2; a closed one: the caller's own. Ignored with a
// terminal: then all three are the pty's slave.
struct Stdio {
  Fd in;
  Fd out;
  Fd err;
};

struct LaunchRequest {
  const Plan* plan = nullptr;
  Stdio stdio;
  std::string journal_path;  // where the plan's undo list is written before the first step; empty: nowhere
  // Called at that moment instead, for callers that keep the list in a file of their own.
  std::function<Result<void>(const std::vector<Undo>&)> on_journal;
  bool observe = false;        // record times and before -> after of every step (a view asked for it)
  bool start_at_once = false;  // don't wait in Launched::start(): the init goes on as soon as it is ready
  // A listening socket (runtime/gate.h). The init outlives this process and waits there for its start:
  // launch() returns when it is ready, and Launched::start() is not for it.
  Fd gate;
  // Descriptors of the caller's that the init has no business with: it closes them first. All descriptors are
  // close-on-exec, but an init may wait for its start for days, in sight of others in its pid namespace.
  std::vector<int> callers_own;
  // Called right after clone, while the init builds its root: the caller saves the identity, so that whatever
  // happens from here on, the next command finds the process. An error kills the init and undoes everything.
  // Called once more when the plan joins a pid namespace: the container's process is another one then.
  std::function<Result<void>(const ProcessIdentity&)> on_cloned;
  // Called when a step has failed, before anything is undone: what was done, for --explain. No records where
  // nobody observes.
  std::function<void(std::span<const StepRecord>)> on_failed;
  UndoHandler undo_handler;  // for kinds of undo that runtime does not know
};

// A container whose init is ready and waits: everything is done but the last steps (seccomp without
// no_new_privs excepted) and execve. Destroying it before start() kills the init; the caller then undoes the
// plan.
class Launched {
 public:
  ProcessIdentity init;  // as the host sees it
  Fd pidfd;
  Fd console_master;                  // with a terminal
  Performance performance;            // empty where nobody observes
  std::vector<std::string> warnings;  // what steps kept quiet about but a person should know
  Fd handshake;
  bool released = false;  // kStart has been sent
  std::string last_step;  // what start() does, for its errors

  // Kills the init unless it was started, and reaps it.
  ~Launched();
  Launched() = default;
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;
  Launched(Launched&&) = delete;
  Launched& operator=(Launched&&) = delete;

  // Lets the init go on to execve. Returns when execve has happened; otherwise the init's own error
  // (kNotFound: docker's 127, errno EACCES: 126). See start_error_exit_code().
  Result<void> start();
};

// Performs the plan. On an error all that was done is undone (as undo_all) and nothing is left on the host;
// the text names the failed step: "step 14/31: mount proc on /proc: Operation not permitted".
Result<std::unique_ptr<Launched>> launch(LaunchRequest request);

// 127 for a command that is not there, 126 for one that can't be executed, 125 for everything else.
int start_error_exit_code(const Error& error);

}  // namespace runtime
