#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "engine/client.h"
#include "engine/create.h"
#include "engine/frames.h"
#include "engine/monitor.h"
#include "engine/operations.h"
#include "engine/prepare.h"
#include "engine/shell_files.h"
#include "engine/volumes.h"
#include "runtime/launch.h"

namespace engine {

namespace {

constexpr int kOursFailed = 125;

// What a start needs on disk, and its plan.
Result<Prepared> prepare_files_and_plan(const Store& store, const ContainerRecord& record) {
  TRY(prepare_mount_sources(record, store));
  TRY(write_network_files(store, record));
  return prepare_start(store, record);
}

// The start failed before there was a monitor.
Outcome failed_start(const Store& store, const ContainerRecord& record, const Error& error) {
  Outcome outcome;
  outcome.id = record.id;
  outcome.exit_code = kOursFailed;
  outcome.failure = error.text();
  if (record.request.remove) {
    take_anonymous_volumes(store, record);
    (void)store.discard(record.id);
    (void)store.empty_trash(record.id);
    return outcome;
  }
  const ExitRecord exit = {.code = kOursFailed, .error = error.text()};
  (void)save_exit(store.container_directory(record.id) + "/exit.json", exit);
  return outcome;
}

// Our end of the connection to the new monitor.
Result<Fd> fork_monitor(const Store& store, Made& made, const Prepared& prepared,
                        const StartOptions& options) {
  auto pair = TRY(sys::socketpair(AF_UNIX, SOCK_SEQPACKET));
  MonitorSetup setup;
  setup.store = &store;
  setup.record = &made.record;
  setup.prepared = &prepared;
  setup.log = TRY(log_settings(made.record.request, store.container_directory(made.record.id)));
  setup.wants = options.attach ? wants_of(*options.attach) : 0;
  setup.close_in = options.close_in;
  setup.explainer = options.explainer;
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork", errno);
  if (pid == 0) {
    setup.owner = std::move(made.owner);
    setup.client = std::move(pair.theirs);
    run_monitor(std::move(setup));
  }
  made.owner.reset();
  return std::move(pair.ours);
}

AttachOptions attach_of(const RunRequest& request) {
  AttachOptions options;
  const auto has = [&](const char* stream) {
    return std::find(request.attach.begin(), request.attach.end(), stream) != request.attach.end();
  };
  options.in = request.interactive && (request.attach.empty() || has("stdin"));
  options.out = request.attach.empty() || has("stdout");
  options.err = request.attach.empty() || has("stderr");
  return options;
}

}  // namespace

Result<Outcome> start_made(const Store& store, Made made, const StartOptions& options) {
  // Others who want to change the container wait until it runs.
  Fd lock = TRY(store.lock(made.record.id));
  auto prepared = prepare_files_and_plan(store, made.record);
  if (!prepared) return failed_start(store, made.record, prepared.error());
  Outcome outcome;
  outcome.id = made.record.id;
  const Fd socket = TRY(fork_monitor(store, made, *prepared, options));
  const StartAnswer answer = TRY(wait_for_start(socket.get(), outcome.warnings));
  lock.reset();
  if (answer.failure) {
    outcome.failure = answer.failure;
    outcome.exit_code = answer.exit_code;
    return outcome;
  }
  if (!options.attach) return outcome;
  const SessionEnd end = TRY(run_session(socket.get(), *options.attach, made.record.request.tty));
  outcome.exit_code = end.exit_code;
  outcome.detached = end.detached;
  return outcome;
}

Result<Outcome> run_container(const Store& store, const RunRequest& request, const Explainer& explainer,
                              const CreatedHook& created) {
  TRY(store.prepare());
  TRY(recover(store));
  Made made = TRY(make_container(store, request));
  if (created) {
    auto accepted = created(made.record);
    if (!accepted) {
      (void)store.discard(made.record.id);
      (void)store.empty_trash(made.record.id);
      return std::move(accepted).error();
    }
  }
  StartOptions options;
  if (!request.detach) options.attach = attach_of(request);
  if (options.attach) options.attach->sig_proxy = request.sig_proxy;
  if (options.attach && !request.detach_keys.empty()) options.attach->detach_keys = request.detach_keys;
  options.close_in = !request.detach && options.attach->in;
  options.explainer = explainer;
  auto warnings = made.record.warnings;
  Outcome outcome = TRY(start_made(store, std::move(made), options));
  outcome.warnings.insert(outcome.warnings.begin(), warnings.begin(), warnings.end());
  return outcome;
}

Result<Planned> plan_container(const Store& store, const RunRequest& request) {
  const std::string id(64, '0');
  Planned planned;
  planned.record = TRY(make_record(store, request, id));
  if (planned.record.name.empty()) planned.record.name = "dry-run";
  Prepared prepared = TRY(prepare_start(store, planned.record));
  planned.spec = std::move(prepared.spec);
  planned.plan = std::move(prepared.plan);
  planned.shell_files = TRY(shell_files(store, planned.record));
  return planned;
}

Result<Outcome> start_container(const Store& store, const std::string& ref,
                                const std::optional<AttachOptions>& attach, const Explainer& explainer) {
  TRY(store.prepare());
  TRY(recover(store));
  const std::string id = TRY(store.resolve(ref));
  TRY(store.make_run_directory(id));
  Container container = TRY(store.load(id));
  if (container.state.pid != 0) {
    if (attach) return attach_container(store, id, *attach);
    Outcome running;
    running.id = id;
    return running;
  }
  Made made;
  // The last run's monitor may still be cleaning up.
  made.owner = TRY(store.own(id, true));
  container = TRY(store.load(id));
  if (container.state.pid != 0) return conflict("container " + id + " is running without a monitor");
  made.record = std::move(container.record);
  StartOptions options;
  options.attach = attach;
  options.close_in = attach && attach->in;
  options.explainer = explainer;
  return start_made(store, std::move(made), options);
}

Result<Outcome> attach_container(const Store& store, const std::string& ref, const AttachOptions& options) {
  const Container container = TRY(store.find(ref));
  if (container.state.pid == 0) return conflict("You cannot attach to a stopped container, start it first");
  auto socket = connect_to(store.run_directory(container.record.id), kMonitorSocket);
  if (!socket)
    return conflict("container " + container.record.id + " has lost its monitor: it can't be attached to");
  AttachOptions wanted = options;
  wanted.in = options.in && container.record.request.interactive;
  TRY(send_frame(socket->get(), FrameKind::kAttach, pack_numbers({wants_of(wanted)}), true));
  Outcome outcome;
  outcome.id = container.record.id;
  TRY(wait_for_start(socket->get(), outcome.warnings));
  const SessionEnd end = TRY(run_session(socket->get(), wanted, container.record.request.tty));
  outcome.exit_code = end.exit_code;
  outcome.detached = end.detached;
  return outcome;
}

}  // namespace engine
