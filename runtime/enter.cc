#include "runtime/enter.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "cgroups/sub_group.h"
#include "runtime/create.h"
#include "runtime/delivery.h"
#include "runtime/exec.h"
#include "runtime/spec_read.h"
#include "runtime/spec_validate.h"
#include "runtime/state.h"
#include "security/filter_cache.h"

namespace runtime {
namespace {

Result<CurrentState> running_state(const StateDirectory& directory,
                                   const std::optional<ContainerRecord>& record, bool ignore_paused) {
  CurrentState state = TRY(current_state(directory, record));
  if (state.status == Status::kStopped || state.status == Status::kCreating || !record)
    return conflict("cannot exec in a stopped container");
  if (state.status == Status::kPaused && !ignore_paused)
    return conflict("cannot exec in a paused container (use --ignore-paused to override)");
  return state;
}

// The container's cgroup as it was made, by whichever manager: config.json has only the caller's word for it.
Result<std::optional<cgroups::Group>> group_of(const EnterRequest& request, const ContainerRecord& record) {
  if (!record.cgroup.path.empty()) {
    return std::optional<cgroups::Group>(TRY(cgroups::group_below(record.cgroup, request.sub_cgroups)));
  }
  if (!request.sub_cgroups.empty()) return unsupported("--cgroup: the container has no cgroup");
  return std::optional<cgroups::Group>();
}

Result<ExecRequest> exec_request_of(const EnterRequest& request, const CurrentState& state,
                                    const std::string& bundle, const Spec& spec, const Process& process) {
  ExecRequest exec;
  exec.spec = &spec;
  exec.process = &process;
  exec.init = state.init;
  exec.id = request.id;
  exec.bundle = bundle;
  exec.preserve_fds = request.preserve_fds;
  if (spec.os.seccomp)
    exec.seccomp.push_back(TRY(security::cached_filter(filter_cache(request.root), *spec.os.seccomp)));
  return exec;
}

Result<Entered> perform(const EnterRequest& request, const Plan& plan, const Fd& console_socket) {
  LaunchRequest launch_request;
  launch_request.plan = &plan;
  launch_request.start_at_once = true;
  launch_request.on_cloned = [&request](const ProcessIdentity& init) {
    return request.pid_file.empty() ? ok() : write_pid_file(request.pid_file, init.pid);
  };
  Entered entered;
  entered.launched = TRY(launch(std::move(launch_request)));
  Launched& launched = *entered.launched;
  TRY(deliver(launched, console_socket, request.pidfd_socket));
  TRY(launched.start());
  entered.warnings = std::move(launched.warnings);
  return entered;
}

}  // namespace

void settle_window_size(Process& process) {
  winsize size = {};
  if (!process.terminal || process.console_height != 0 || process.console_width != 0) return;
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) return;
  process.console_height = size.ws_row;
  process.console_width = size.ws_col;
}

Result<void> check_console(bool is_terminal, bool stays, const std::string& console_socket) {
  const bool has_socket = !console_socket.empty();
  if (is_terminal && !stays && !has_socket)
    return invalid("cannot allocate tty if vial-oci will detach without setting console socket");
  if (has_socket && (!is_terminal || stays))
    return invalid("cannot use console socket if vial-oci will not detach or allocate tty");
  return ok();
}

Result<Process> read_exec_process(const std::string& text, const Process& own) {
  const Json document = TRY(parse_json(text));
  const JsonView view(document);
  if (!view.is_object()) return view.wrong("not an object");
  Process process = TRY(read_process(view));
  if (!process.capabilities) process.capabilities = own.capabilities;
  if (process.rlimits.empty()) process.rlimits = own.rlimits;
  // Else it would have the score of whoever execs, which for a shim is that of a process never to be killed.
  if (!process.oom_score_adj) process.oom_score_adj = own.oom_score_adj;
  if (!process.scheduler) process.scheduler = own.scheduler;
  if (!process.io_priority) process.io_priority = own.io_priority;
  if (process.cpu_affinity_initial.empty() && process.cpu_affinity_final.empty()) {
    process.cpu_affinity_initial = own.cpu_affinity_initial;
    process.cpu_affinity_final = own.cpu_affinity_final;
  }
  if (process.apparmor_profile.empty()) process.apparmor_profile = own.apparmor_profile;
  if (process.selinux_label.empty()) process.selinux_label = own.selinux_label;
  TRY(validate_process(process, ""));
  return process;
}

Result<Entered> enter_container(const EnterRequest& request) {
  const StateDirectory directory = TRY(StateDirectory::open(request.root, request.id));
  const auto record = TRY(directory.read_container());
  const CurrentState state = TRY(running_state(directory, record, request.ignore_paused));
  Spec spec = TRY(read_kept_spec(directory));
  spec.os.cgroups_path.clear();
  auto group = TRY(group_of(request, *record));
  Process process = TRY(request.choose_process(spec.process));
  const HostFacts host = TRY(collect_host_facts());
  const bool has_own = process.capabilities != spec.process.capabilities;
  const auto missing = settle_capabilities(spec.os, process);
  TRY(check_console(process.terminal, !request.is_detached, request.console_socket));
  if (request.console_socket.empty()) settle_window_size(process);
  ExecRequest exec = TRY(exec_request_of(request, state, record->bundle, spec, process));
  exec.group = std::move(group);
  const Plan plan = TRY(make_exec_plan(std::move(exec), host));
  Fd console_socket;
  if (!request.console_socket.empty())
    console_socket = TRY_IN("console socket", connect_to(request.console_socket));
  if (process.terminal && !request.is_detached && request.on_terminal) request.on_terminal();
  auto entered = perform(request, plan, console_socket);
  if (!entered) remove_pid_file(request.pid_file);
  // What is left out of the container's own was told when it was created.
  if (entered && has_own) entered->warnings.insert(entered->warnings.end(), missing.begin(), missing.end());
  return entered;
}

}  // namespace runtime
