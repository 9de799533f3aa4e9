#include "engine/monitor.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): signal(2) constants
#include <unistd.h>

#include <exception>
#include <memory>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/stats.h"
#include "engine/background.h"
#include "engine/clients.h"
#include "engine/frames.h"
#include "engine/host_inputs.h"
#include "engine/pump.h"
#include "engine/recover.h"
#include "engine/volumes.h"
#include "runtime/launch.h"

namespace engine {

namespace {

constexpr int kKilled = 128 + SIGKILL;

class Monitor {
 public:
  explicit Monitor(MonitorSetup setup)
      : store_(*setup.store),
        record_(*setup.record),
        prepared_(*setup.prepared),
        setup_(std::move(setup)),
        log_(setup_.log) {}

  void run();

 private:
  Result<void> launch();
  Result<void> save_running(const ProcessIdentity& init);
  void explain(std::span<const runtime::StepRecord> records);
  void tell_start();
  void write_config();
  void report_failure(const Error& error);
  ExitRecord how_it_ended(ExitStatus status) const;
  void end(ExitStatus status);
  void clean_up();
  std::string run_file(const char* name) const { return store_.run_directory(record_.id) + "/" + name; }
  std::string kept_file(const char* name) const {
    return store_.container_directory(record_.id) + "/" + name;
  }
  void write_exit_record(const ExitRecord& exit);

  const Store& store_;
  const ContainerRecord& record_;
  const Prepared& prepared_;
  MonitorSetup setup_;
  LogWriter log_;
  Clients clients_;
  ContainerStreams streams_;
  std::unique_ptr<runtime::Launched> launched_;
  Fd listener_;
  Fd root_;  // holds the snapshot's file system, so that its sync comes after the report of the end
  int64_t started_ns_ = 0;
};

void Monitor::run() {
  started_ns_ = now_ns();
  // Should nobody see the end, this is what remains to be told.
  if (!record_.request.remove) {
    write_exit_record(
        {.code = kLostExitCode, .error = "the monitor or the machine went down", .started_ns = started_ns_});
  }
  auto launched = launch();
  if (!launched) return report_failure(launched.error());
  if (!record_.request.remove) {
    auto root = sys::open(("/proc/" + std::to_string(launched_->init.pid) + "/root").c_str(), O_PATH);
    if (root) root_ = std::move(*root);
  }
  // Who watches the container waits for nothing more; who goes on with it in the next command needs this.
  const bool is_watched = setup_.wants != 0;
  if (!is_watched) write_config();
  tell_start();
  if (is_watched) write_config();
  Pump pump(std::move(streams_), log_, clients_);
  pump.run(launched_->pidfd.get(), listener_.get());
  const auto status = wait_for(launched_->pidfd.get());
  if (sharing_of(record_.request.pid_mode) != Sharing::kOwn) (void)cgroups::kill_all(prepared_.group);
  pump.drain(kQuietMs);
  log_.finish();
  end(status ? *status : ExitStatus::signaled(SIGKILL));
  clean_up();
  pump.finish_clients();
}

Result<void> Monitor::save_running(const ProcessIdentity& init) {
  RunState state;
  state.init = init;
  state.monitor = TRY(identify(::getpid()));
  state.boot_id = TRY(boot_id());
  state.bundle = store_.container_directory(record_.id);
  state.cgroup = prepared_.spec.os.cgroups_path;
  state.started_ns = started_ns_;
  return replace_file(run_file("state.json"), dump_json(write_state(record_.id, state)));
}

Result<void> Monitor::launch() {
  runtime::LaunchRequest request;
  request.plan = &prepared_.plan;
  streams_.close_in_after_client = setup_.close_in;
  request.stdio = TRY(open_stdio(record_.request.tty, record_.request.interactive, streams_));
  request.journal_path = run_file("journal.json");
  request.observe = setup_.explainer != nullptr;
  request.start_at_once = true;
  request.on_failed = [this](std::span<const runtime::StepRecord> records) { explain(records); };
  request.on_cloned = [this](const ProcessIdentity& init) { return save_running(init); };
  listener_ = TRY(listen_at(store_.run_directory(record_.id), kMonitorSocket));
  launched_ = TRY(runtime::launch(std::move(request)));
  auto started = launched_->start();
  if (!started) {
    explain(launched_->performance.records());
    return started;
  }
  streams_.console = std::move(launched_->console_master);
  return ok();
}

void Monitor::explain(std::span<const runtime::StepRecord> records) {
  if (!setup_.explainer) return;
  const std::string text = setup_.explainer(prepared_.plan, records);
  for (size_t i = 0; i < text.size(); i += kMaxPayload)
    (void)send_frame(setup_.client.get(), FrameKind::kExplained,
                     std::string_view(text).substr(i, kMaxPayload), true);
}

void Monitor::tell_start() {
  const int client = setup_.client.get();
  for (const auto& text : launched_->warnings)
    (void)send_frame(client, FrameKind::kWarning, text.substr(0, kMaxPayload), true);
  explain(launched_->performance.records());
  (void)send_frame(client, FrameKind::kStarted, "", true);
  clients_.add_attached(std::move(setup_.client), setup_.wants);
}

// For exec and for people; the container runs already. A full disk costs exec, not the container.
void Monitor::write_config() {
  (void)replace_file(kept_file("config.json"), dump_json(runtime::write_spec(prepared_.spec), 1));
}

void Monitor::write_exit_record(const ExitRecord& exit) {
  // A full disk must not keep the container from starting or ending; the status is derived without it then.
  (void)save_exit(kept_file("exit.json"), exit);
}

void Monitor::report_failure(const Error& error) {
  const int code = runtime::start_error_exit_code(error);
  launched_.reset();
  (void)undo_journal(store_.run_directory(record_.id));
  if (record_.request.remove) {
    take_anonymous_volumes(store_, record_);
    (void)store_.discard(record_.id);
  } else {
    write_exit_record({.code = code, .error = error.text()});
    ::unlink(run_file("state.json").c_str());
  }
  const std::string payload = pack_numbers({static_cast<uint32_t>(code)}) + error.text();
  (void)send_frame(setup_.client.get(), FrameKind::kFailed, std::string_view(payload).substr(0, kMaxPayload),
                   true);
  if (record_.request.remove) (void)store_.empty_trash(record_.id);
}

ExitRecord Monitor::how_it_ended(ExitStatus status) const {
  ExitRecord exit;
  exit.code = status.shell_code();
  exit.signal = status.signal();
  exit.started_ns = started_ns_;
  exit.finished_ns = now_ns();
  const bool is_limited = record_.request.limits.memory_bytes.value_or(0) > 0;
  if (is_limited || exit.code == kKilled) {
    const auto kills = cgroups::oom_kills(prepared_.group);
    exit.oom_killed = kills && *kills > 0;
  }
  return exit;
}

// First what others wait for: the truth on disk, then the word to the clients.
void Monitor::end(ExitStatus status) {
  const ExitRecord exit = how_it_ended(status);
  listener_.reset();
  if (record_.request.remove) {
    take_anonymous_volumes(store_, record_);
    (void)store_.discard(record_.id);
  } else {
    write_exit_record(exit);
    ::unlink(run_file("state.json").c_str());
    ::unlink(run_file(kMonitorSocket).c_str());
  }
  clients_.broadcast(FrameKind::kExit, pack_numbers({static_cast<uint32_t>(exit.code)}));
}

void Monitor::clean_up() {
  root_.reset();
  const auto undone = undo_journal(record_.request.remove ? store_.run_trash_directory(record_.id)
                                                          : store_.run_directory(record_.id));
  if (record_.request.remove) {
    // What could not be undone stays in the journal, which empty_trash() would delete: leave it to recover().
    if (undone) (void)store_.empty_trash(record_.id);
  }
  setup_.owner.reset();
}

}  // namespace

[[noreturn]] void run_monitor(MonitorSetup setup) noexcept {
  leave_caller("vial:monitor", {setup.owner.get(), setup.client.get()});
  try {
    Monitor monitor(std::move(setup));
    monitor.run();
  } catch (const std::exception&) {  // memory: what is left is in the journal for recover()
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace engine
