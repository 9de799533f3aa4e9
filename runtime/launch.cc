#include "runtime/launch.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <unistd.h>

#include <cerrno>

#include "base/heap.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/clone_step.h"
#include "runtime/handshake.h"
#include "runtime/init.h"

namespace runtime {
namespace {

// One launch while it goes on, on the launcher's side.
struct Launch {
  const LaunchRequest& request;
  const Plan& plan;
  StepContext context;
  Launched& launched;
  Fd init_end;  // of the handshake; closed here after clone
  bool journalled = false;
  bool is_born_later = false;  // what was cloned only builds (runtime/joined_pid.h)
  std::vector<Undo> begun;     // what may have to be undone by now, last step first
};

std::string step_text(const Plan& plan, size_t index) {
  const std::string name = index < plan.size() ? plan[index]->name() : "?";
  return "step " + std::to_string(index + 1) + "/" + std::to_string(plan.size()) + ": " + name;
}

// What people could do about an error that the kernel gives without words.
const char* likely_cause(const Error& error) {
  switch (error.error_number()) {
    case EPERM:
      return " (are you root, with all capabilities? see `vial info`)";
    case ENOSPC:
      return " (a disk, or a kernel limit such as user.max_*_namespaces or fs.mount-max, is used up)";
    case ENOSYS:
      return " (this kernel is too old)";
    default:
      return "";
  }
}

Error failed_at(const Plan& plan, size_t index, Error error) {
  // What the user typed is wrong, not the step: docker's words without the machinery around them.
  const bool is_program = error.text().starts_with("exec: ");
  if (is_program) return error;
  const std::string text = step_text(plan, index) + ": " + error.text() + likely_cause(error);
  return {error.kind(), text, error.error_number()};
}

// "init was killed by signal 9 (KILL)": the init is gone without a word.
Error died(const Launched& launched) {
  auto status = wait_for(launched.pidfd.get());
  std::string text = "the container's init " + (status ? status->text() : "is gone") + " before it was ready";
  if (status && status->signal() == SIGKILL) text += " (memory limit too low, or killed from outside?)";
  // It could not even say so.
  if (status && (status->signal() == SIGSYS || status->shell_code() == kInitFailed))
    text += " (a seccomp filter that allows too little?)";
  return {ErrorKind::kSystem, text};
}

// An init that has failed is gone before it hears us: what it said last is read next, by wait_until_ready().
Result<void> tell_init(const Launch& launch, Message message) {
  auto sent = send_message(launch.launched.handshake.get(), message);
  const bool is_gone =
      !sent && (sent.error().error_number() == EPIPE || sent.error().error_number() == ECONNRESET);
  return is_gone ? ok() : sent;
}

bool has_steps_after_clone(const Plan& plan, size_t clone_index) {
  for (size_t i = clone_index + 1; i < plan.size(); ++i) {
    if (plan[i]->lane() == Lane::kHost) return true;
  }
  return false;
}

Result<void> after_clone(Launch& launch) {
  launch.init_end.reset();
  launch.context.gate_fd.reset();
  launch.context.cgroup_task_fds.clear();
  launch.is_born_later = launch.context.pid_namespace_fd.is_open();
  launch.context.pid_namespace_fd.reset();
  launch.context.proc_filesystems.clear();
  launch.launched.pidfd = std::move(launch.context.init_pidfd);
  launch.launched.init = TRY(identify(launch.context.init_pid, launch.launched.pidfd.get()));
  if (launch.request.on_cloned) TRY(launch.request.on_cloned(launch.launched.init));
  return ok();
}

// Notes what the step may leave. The journal goes to disk, whole, before the first step that leaves anything,
// and not before the steps that make sure that nothing of somebody else's would be undone.
Result<void> note_undo(Launch& launch, const Step& step) {
  const auto entries = step.undo();
  if (entries.empty()) return ok();
  if (!launch.journalled) {
    const LaunchRequest& request = launch.request;
    if (request.on_journal) TRY(request.on_journal(undo_list(launch.plan)));
    if (!request.journal_path.empty()) TRY(write_journal(request.journal_path, undo_list(launch.plan)));
    launch.journalled = true;
  }
  launch.begun.insert(launch.begun.begin(), entries.begin(), entries.end());
  return ok();
}

// Walks the host lane. In the init's copy it never returns.
Result<void> walk_host_lane(Launch& launch) {
  bool cloned = false;
  bool waits = false;
  for (size_t i = 0; i < launch.plan.size(); ++i) {
    const Step& step = *launch.plan[i];
    TRY(note_undo(launch, step));
    if (step.lane() != Lane::kHost) continue;
    auto result = perform_step(step, i, launch.context, launch.launched.performance, launch.request.observe);
    if (launch.context.in_child) {
      for (const int fd : launch.request.callers_own)
        ::close(fd);
      launch.context.cgroup_fd.reset();
      launch.launched.handshake.reset();  // the launcher's end: or its death would not be seen as end of file
      run_init(launch.plan, i + 1, launch.context, launch.launched.performance, launch.request.observe);
    }
    if (!result) return failed_at(launch.plan, i, std::move(result).error());
    if (cloned || launch.context.init_pid == 0) continue;
    cloned = true;
    waits = has_steps_after_clone(launch.plan, i);
    TRY(after_clone(launch));
  }
  if (!cloned) return invalid("the plan has no clone");
  if (waits) TRY(tell_init(launch, Message::kConfigured));
  return ok();
}

// What was cloned has done its work and is gone; from here on the init is the process that it left inside.
Result<void> take_born(Launch& launch, Fd pidfd) {
  Launched& launched = launch.launched;
  (void)sys::pidfd_send_signal(launched.pidfd.get(), SIGKILL);
  TRY(wait_for(launched.pidfd.get()));
  launched.pidfd = std::move(pidfd);
  const pid_t pid = TRY(pid_of(launched.pidfd.get()));
  launched.init = TRY(identify(pid, launched.pidfd.get()));
  if (launch.request.on_cloned) TRY(launch.request.on_cloned(launched.init));
  return send_message(launched.handshake.get(), Message::kConfigured, std::to_string(pid));
}

Result<void> wait_until_ready(Launch& launch) {
  Launched& launched = launch.launched;
  // An init that starts at once has nothing to wait for: its messages are read together when it has executed.
  if (launched.released) wait_for_hang_up(launched.handshake.get());
  for (;;) {
    Received received = TRY(receive_message(launched.handshake.get()));
    switch (received.message) {
      case Message::kConsole:
        launched.console_master = std::move(received.fd);
        break;
      case Message::kWarning:
        for (auto& line : split(trim(received.text), '\n'))
          launched.warnings.push_back(std::move(line));
        break;
      case Message::kBorn:
        TRY(take_born(launch, std::move(received.fd)));
        break;
      case Message::kReady:
        return ok();
      case Message::kFailed:
        return failed_at(launch.plan, received.step, std::move(*received.error));
      case Message::kEndOfFile:
        return died(launched);
#ifdef VIAL_FAULTS
      case Message::kDie:
        ::kill(::getpid(), SIGKILL);
        [[fallthrough]];
#endif
      default:
        return corrupt("the start's handshake is out of order");
    }
  }
}

Result<void> perform_plan(Launch& launch) {
  auto [ours, theirs] = TRY(open_handshake());
  launch.launched.handshake = std::move(ours);
  launch.init_end = std::move(theirs);
  launch.context.handshake_fd = launch.init_end.get();
  const bool has_gate = launch.context.gate_fd.is_open();
  TRY(walk_host_lane(launch));
  if (launch.request.start_at_once && !launch.is_born_later) {
    TRY(tell_init(launch, Message::kStart));
    launch.launched.released = true;
  }
  TRY(wait_until_ready(launch));
  if (has_gate) {
    launch.launched.released = true;
    launch.launched.handshake.reset();
  }
  auto& warnings = launch.launched.warnings;
  for (auto& text : launch.context.warnings)
    warnings.push_back(std::move(text));
  return ok();
}

// Without a clone nobody of ours was in a cgroup: one that is in use was made at the same time by somebody
// else.
Result<void> undo_begun(const Launch& launch, bool has_cloned) {
  const UndoHandler& more = launch.request.undo_handler;
  if (has_cloned) return undo_all(launch.begun, more);
  UnusedGroups groups;
  return undo_all(launch.begun, [&](const Undo& entry, Result<void>& result) {
    return groups.undo(entry, result) || (more && more(entry, result));
  });
}

}  // namespace

Launched::~Launched() {
  if (released || !pidfd) return;
  (void)sys::pidfd_send_signal(pidfd.get(), SIGKILL);
  (void)wait_for(pidfd.get());
}

Result<void> Launched::start() {
  if (!released) TRY(send_message(handshake.get(), Message::kStart));
  released = true;
  Received received = TRY(receive_message(handshake.get()));
  handshake.reset();
  if (received.message == Message::kEndOfFile) return ok();
#ifdef VIAL_FAULTS
  if (received.message == Message::kDie) ::kill(::getpid(), SIGKILL);
#endif
  (void)wait_for(pidfd.get());
  if (received.message == Message::kFailed) {
    const bool is_program = received.error->text().starts_with("exec: ");
    return is_program ? std::move(*received.error) : std::move(*received.error).in(last_step);
  }
  return corrupt("the start's handshake is out of order");
}

Result<std::unique_ptr<Launched>> launch(LaunchRequest request) {
  auto launched = std::make_unique<Launched>();
  Launch launch = {.request = request, .plan = *request.plan, .launched = *launched};
  if (request.observe) launch.launched.performance = Performance(launch.plan.size());
  launch.context.stdio = {std::move(request.stdio.in), std::move(request.stdio.out),
                          std::move(request.stdio.err)};
  launch.context.gate_fd = std::move(request.gate);
  leave_freed_blocks();
  if (!launch.plan.empty()) launch.launched.last_step = step_text(launch.plan, launch.plan.size() - 1);
  auto result = perform_plan(launch);
  reuse_freed_blocks();
  if (result) return launched;
  if (request.on_failed) request.on_failed(launch.launched.performance.records());
  launch.launched.released =
      false;  // an init that got its start but reported a failure is killed and reaped, too
  launched.reset();
  const bool has_cloned = launch.context.init_pid != 0;
  launch.context = StepContext();
  auto undone = undo_begun(launch, has_cloned);
  if (!undone)
    return Error(result.error().kind(), result.error().text() + "; " + undone.error().text(),
                 result.error().error_number());
  return std::move(result).error();
}

int start_error_exit_code(const Error& error) {
  constexpr int kNotFoundCode = 127;
  constexpr int kNotExecutable = 126;
  constexpr int kOurs = 125;
  if (!error.text().starts_with("exec: ")) return kOurs;
  if (error.kind() == ErrorKind::kNotFound) return kNotFoundCode;
  return error.error_number() == EACCES ? kNotExecutable : kOurs;
}

}  // namespace runtime
