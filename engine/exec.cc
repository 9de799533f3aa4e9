// exec: one more process in a running container, with a background process of its own that pumps its stdio.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <exception>

#include "base/file.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "engine/background.h"
#include "engine/client.h"
#include "engine/environment.h"
#include "engine/frames.h"
#include "engine/host_inputs.h"
#include "engine/operations.h"
#include "engine/prepare.h"
#include "runtime/exec.h"
#include "runtime/launch.h"
#include "security/capabilities.h"

namespace engine {

namespace {

struct ExecSetup {
  const Plan* plan = nullptr;
  const ExecRequest* request = nullptr;
  uint32_t wants = 0;
  Fd client;
};

void tell_failure(int client_fd, const Error& error) {
  const auto code = static_cast<uint32_t>(runtime::start_error_exit_code(error));
  const std::string payload = pack_numbers({code}) + error.text();
  (void)send_frame(client_fd, FrameKind::kFailed, std::string_view(payload).substr(0, kMaxPayload), true);
}

Result<void> run_process(ExecSetup& setup) {
  ContainerStreams streams;
  streams.close_in_after_client = true;
  runtime::LaunchRequest request;
  request.plan = setup.plan;
  request.stdio = TRY(open_stdio(setup.request->tty, setup.request->interactive, streams));
  auto launched = TRY(runtime::launch(std::move(request)));
  TRY(launched->start());
  streams.console = std::move(launched->console_master);
  (void)send_frame(setup.client.get(), FrameKind::kStarted, "", true);
  LogWriter no_log{LogSettings{}};
  Clients clients;
  clients.add_attached(std::move(setup.client), setup.wants);
  Pump pump(std::move(streams), no_log, clients);
  pump.run(launched->pidfd.get(), -1);
  const auto status = wait_for(launched->pidfd.get());
  pump.drain(kQuietMs);
  const int code = status ? status->shell_code() : 255;
  clients.broadcast(FrameKind::kExit, pack_numbers({static_cast<uint32_t>(code)}));
  pump.finish_clients();
  return ok();
}

[[noreturn]] void run_exec_background(ExecSetup setup) noexcept {
  leave_caller("vial:exec", {setup.client.get()});
  try {
    const auto result = run_process(setup);
    if (!result) tell_failure(setup.client.get(), result.error());
  } catch (const std::exception&) {  // memory
    ::_exit(1);
  }
  ::_exit(0);
}

Result<std::vector<std::string>> exec_environment(const ExecRequest& request, const ContainerRecord& record,
                                                  std::vector<std::string> env, const ContainerUser& user) {
  const auto changes = TRY(given_environment(request.env_files, request.env));
  // A home that nobody chose follows the user.
  const auto chosen = combined_environment(record.image.env, record.request.env);
  const bool is_chosen =
      std::any_of(chosen.begin(), chosen.end(), [](const auto& entry) { return entry.starts_with("HOME="); });
  if (!is_chosen && !request.user.empty()) env = merge_environment(std::move(env), {"HOME=" + user.home});
  if (request.tty) env = merge_environment({"TERM=xterm"}, env);
  return merge_environment(std::move(env), changes);
}

Result<runtime::Process> exec_process(const Store& store, const Container& container,
                                      const ExecRequest& request, const runtime::Spec& spec) {
  const ContainerRecord& record = container.record;
  runtime::Process process = spec.process;
  process.args = request.command;
  process.terminal = request.tty;
  winsize window = {};
  if (request.tty && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &window) == 0) {
    process.console_height = window.ws_row;
    process.console_width = window.ws_col;
  }
  const std::string own_user = record.request.user.empty() ? record.image.user : record.request.user;
  const std::string& name = request.user.empty() ? own_user : request.user;
  const ContainerUser user = TRY(look_up_user(snapshot_of(store, record), name, record.request.group_add));
  process.user.uid = user.uid;
  process.user.gid = user.gid;
  process.user.additional_gids = user.additional_gids;
  process.env = TRY(exec_environment(request, record, spec.process.env, user));
  if (!request.workdir.empty()) process.cwd = request.workdir;
  if (!process.cwd.starts_with('/')) return invalid("Cwd must be an absolute path");
  const auto allowed = request.privileged          ? security::own_bounding_set()
                       : spec.process.capabilities ? spec.process.capabilities->bounding
                                                   : 0;
  process.capabilities = security::capability_sets_for(allowed, user.uid);
  return process;
}

// The monitor writes config.json behind the start of a container that somebody watches: who comes right after
// it waits for that, 10 seconds at the most.
Result<Json> read_config(const Store& store, const Container& container) {
  constexpr timespec kPause = {0, 1'000'000};
  constexpr int64_t kPatienceNs = 10'000'000'000;
  const std::string path = store.container_directory(container.record.id) + "/config.json";
  const int64_t deadline = monotonic_ns() + kPatienceNs;
  while (!path_exists(path) && container.state.monitored && monotonic_ns() < deadline)
    ::nanosleep(&kPause, nullptr);
  return read_json_file(path);
}

Result<Plan> exec_plan(const Store& store, const Container& container, const ExecRequest& request) {
  const std::string bundle = store.container_directory(container.record.id);
  const Json document = TRY(read_config(store, container));
  const runtime::Spec spec = TRY_IN("config.json", runtime::read_spec(document));
  const runtime::Process process = TRY(exec_process(store, container, request, spec));
  const runtime::HostFacts host = TRY(runtime::collect_host_facts());
  runtime::ExecRequest exec;
  exec.spec = &spec;
  exec.process = &process;
  exec.init = container.state.run.init;
  exec.id = container.record.id;
  exec.bundle = bundle;
  if (!request.privileged) exec.seccomp = TRY(seccomp_programs(store, spec));
  return runtime::make_exec_plan(std::move(exec), host);
}

Result<Container> find_running(const Store& store, const std::string& ref) {
  Container container = TRY(store.find(ref));
  if (container.state.status == Status::kPaused)
    return conflict("container " + ref + " is paused, unpause the container before exec");
  if (container.state.pid == 0) return conflict("container " + container.record.id + " is not running");
  return container;
}

}  // namespace

Result<Outcome> exec_container(const Store& store, const std::string& ref, const ExecRequest& request) {
  const Container container = TRY(find_running(store, ref));
  const Plan plan = TRY(exec_plan(store, container, request));
  AttachOptions attach;
  attach.in = request.interactive && !request.detach;
  attach.out = !request.detach;
  attach.err = !request.detach;
  if (!request.detach_keys.empty()) attach.detach_keys = request.detach_keys;
  auto pair = TRY(sys::socketpair(AF_UNIX, SOCK_SEQPACKET));
  ExecSetup setup = {&plan, &request, wants_of(attach), Fd()};
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork", errno);
  if (pid == 0) {
    setup.client = std::move(pair.theirs);
    run_exec_background(std::move(setup));
  }
  pair.theirs.reset();
  Outcome outcome;
  outcome.id = container.record.id;
  const StartAnswer answer = TRY(wait_for_start(pair.ours.get(), outcome.warnings));
  if (answer.failure) {
    outcome.failure = answer.failure;
    outcome.exit_code = answer.exit_code;
    return outcome;
  }
  if (request.detach) return outcome;
  const SessionEnd end = TRY(run_session(pair.ours.get(), attach, request.tty));
  outcome.exit_code = end.exit_code;
  outcome.detached = end.detached;
  return outcome;
}

}  // namespace engine
