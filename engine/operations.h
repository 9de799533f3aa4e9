// What the commands do with containers, as functions over the store. `ref` is what the user typed: id, name
// or id prefix. Errors have Docker's words after the point where Docker prints "Error response from daemon:
// ".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/step.h"
#include "engine/run.h"
#include "engine/store.h"
#include "runtime/performance.h"
#include "runtime/spec.h"
#include "runtime/views.h"

namespace engine {

// How the calling terminal takes part.
struct AttachOptions {
  bool in = false;
  bool out = true;
  bool err = true;
  bool sig_proxy = true;
  std::string detach_keys = "ctrl-p,ctrl-q";
};

// Called in the process that performs the plan, when the init is ready; the text is printed on the caller's
// stderr.
using Explainer = std::function<std::string(const Plan&, std::span<const runtime::StepRecord>)>;

// How a container that was started ended for the caller.
struct Outcome {
  std::string id;
  // The container's code; 125, 126 or 127 with `failure`; 0 for a detached one.
  int exit_code = 0;
  // Why it could not be started; the container (without --rm) is left as created.
  std::optional<std::string> failure;
  bool detached = false;  // by the detach keys
  std::vector<std::string> warnings;
};

// Makes the container's directory, record and config.json; nothing runs. Errors: kNotFound for the image
// ("No such image: x"), kConflict for the name, kInvalid for options. Nothing is left behind on an error.
Result<ContainerRecord> create_container(const Store& store, const RunRequest& request);

// create and start; in the foreground attaches until the container ends or the user detaches. An Error is
// before the container exists (docker's 125); a start that fails is in the Outcome.
// `created` is called with the record before anything runs (--cidfile, and -d prints the id afterwards).
using CreatedHook = std::function<Result<void>(const ContainerRecord&)>;
Result<Outcome> run_container(const Store& store, const RunRequest& request,
                              const Explainer& explainer = nullptr, const CreatedHook& created = nullptr);

// The plan of a run that is not made: no directory, no name, nothing changes (--dry-run, --as-shell).
struct Planned {
  ContainerRecord record;
  runtime::Spec spec;
  Plan plan;
  runtime::ShellFiles shell_files;  // what --as-shell makes around the plan
};
Result<Planned> plan_container(const Store& store, const RunRequest& request);

// Starts a created or exited container; attached when `attach` is given. A running one is no error.
Result<Outcome> start_container(const Store& store, const std::string& ref,
                                const std::optional<AttachOptions>& attach,
                                const Explainer& explainer = nullptr);
Result<Outcome> attach_container(const Store& store, const std::string& ref, const AttachOptions& options);

struct StopRequest {
  std::optional<int> timeout_s;  // absent: the container's; -1: wait for ever
  std::string signal;            // empty: the container's
};
// The stop signal, the wait, then the kill of everything in the container. Not running is success.
Result<void> stop_container(const Store& store, const std::string& ref, const StopRequest& request);
// kConflict "container <id> is not running" when it is not.
Result<void> kill_container(const Store& store, const std::string& ref, const std::string& signal);

struct RemoveRequest {
  bool force = false;    // kill first; a container that does not exist is kNotFound still
  bool volumes = false;  // its anonymous volumes, too
};
Result<void> remove_container(const Store& store, const std::string& ref, const RemoveRequest& request);

// Blocks until the container is not running; its exit code.
Result<int> wait_container(const Store& store, const std::string& ref);

struct ExecRequest {
  std::vector<std::string> command;
  std::vector<std::string> env;
  std::vector<std::string> env_files;
  std::string user;
  std::string workdir;
  bool tty = false;
  bool interactive = false;
  bool detach = false;
  bool privileged = false;
  std::string detach_keys;
};
// The exit code is the command's; 126 and 127 with Outcome.failure as for run.
Result<Outcome> exec_container(const Store& store, const std::string& ref, const ExecRequest& request);

struct LogsRequest {
  bool follow = false;
  bool timestamps = false;
  std::optional<int64_t> since_ns;
  std::optional<int64_t> until_ns;
  std::optional<uint64_t> tail;  // lines; absent: all
};
// Writes the container's log to these descriptors; the streams stay apart. With follow it returns when the
// container has ended.
Result<void> print_logs(const Store& store, const std::string& ref, const LogsRequest& request, int out_fd,
                        int err_fd);

// The object that `docker inspect` prints for one container.
Json inspect_container(const Store& store, const Container& container);

// Undoes what dead owners left (killed commands and monitors) and empties the trash. Cheap when there is
// nothing to do; every command that changes something calls it first.
Result<void> recover(const Store& store);

}  // namespace engine
