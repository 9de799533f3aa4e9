#include "engine/state.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"

#include "engine/fields.h"

namespace engine {

namespace {
constexpr int kStateSchema = 1;
constexpr const char* kOciVersion = "1.3.0";

Result<void> check_schema(const JsonView& view) {
  const auto schema = view.optional_integer("schema");
  if (!schema || !*schema) return corrupt("not a file of vial");
  if (**schema != kStateSchema) return unsupported("schema " + std::to_string(**schema));
  return ok();
}

}  // namespace

const char* status_name(Status status) {
  switch (status) {
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kRestarting:
      return "restarting";
    case Status::kRemoving:
      return "removing";
    case Status::kExited:
      return "exited";
    case Status::kDead:
      return "dead";
  }
  return "dead";
}

Result<RunState> read_state(const Json& document) {
  const JsonView view(document);
  TRY(check_schema(view));
  RunState state;
  const auto pid = TRY(view.optional_unsigned("pid"));
  state.init.pid = static_cast<pid_t>(pid.value_or(0));
  state.bundle = TRY(view.string_or("bundle", ""));
  const JsonView more = TRY(view.at("x"));
  const auto ticks = TRY(more.optional_unsigned("pidStartTicks"));
  const auto inode = TRY(more.optional_unsigned("pidInode"));
  const auto monitor_pid = TRY(more.optional_unsigned("monitorPid"));
  const auto monitor_ticks = TRY(more.optional_unsigned("monitorStartTicks"));
  const auto monitor_inode = TRY(more.optional_unsigned("monitorInode"));
  const auto started = TRY(more.optional_integer("started"));
  state.init.start_ticks = ticks.value_or(0);
  state.init.inode = inode.value_or(0);
  state.monitor.pid = static_cast<pid_t>(monitor_pid.value_or(0));
  state.monitor.start_ticks = monitor_ticks.value_or(0);
  state.monitor.inode = monitor_inode.value_or(0);
  state.started_ns = started.value_or(0);
  state.boot_id = TRY(more.string_or("bootId", ""));
  state.cgroup = TRY(more.string_or("cgroup", ""));
  state.paused = TRY(more.boolean_or("paused", false));
  return state;
}

Json write_state(const std::string& container_id, const RunState& state) {
  return Json{{"schema", kStateSchema},
              {"ociVersion", kOciVersion},
              {"id", container_id},
              {"status", "running"},
              {"pid", state.init.pid},
              {"bundle", state.bundle},
              {"x",
               {{"pidStartTicks", state.init.start_ticks},
                {"pidInode", state.init.inode},
                {"bootId", state.boot_id},
                {"monitorPid", state.monitor.pid},
                {"monitorStartTicks", state.monitor.start_ticks},
                {"monitorInode", state.monitor.inode},
                {"cgroup", state.cgroup},
                {"started", state.started_ns},
                {"paused", state.paused}}}};
}

template <typename Visit, Is<ExitRecord> T>
void visit_fields(Visit& visit, T& exit) {
  visit("code", exit.code);
  visit("signal", exit.signal);
  visit("oomKilled", exit.oom_killed);
  visit("error", exit.error);
  visit("started", exit.started_ns);
  visit("finished", exit.finished_ns);
}

Result<ExitRecord> read_exit(const Json& document) {
  const JsonView view(document);
  TRY(check_schema(view));
  ExitRecord exit;
  FieldReader reader(view);
  reader.skip("schema");
  visit_fields(reader, exit);
  auto finished = reader.finish();
  if (!finished) return corrupt(finished.error().text());
  return exit;
}

Json write_exit(const ExitRecord& exit) {
  FieldWriter writer;
  visit_fields(writer, exit);
  Json document = writer.take();
  document["schema"] = kStateSchema;
  return document;
}

Result<void> save_exit(const std::string& path, const ExitRecord& exit) {
  const std::string text = dump_json(write_exit(exit));
  auto replaced = replace_file(path, text);
  const bool is_full =
      !replaced && (replaced.error().error_number() == ENOSPC || replaced.error().error_number() == EDQUOT);
  if (!is_full) return replaced;
  // JSON does not mind spaces at its end: the file never has a half of two records longer than this write
  // takes.
  const Fd fd = TRY(sys::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  const struct stat status = TRY(sys::fstat(fd.get()));
  const auto old_size = static_cast<size_t>(status.st_size);
  return write_all(fd.get(), text + std::string(old_size > text.size() ? old_size - text.size() : 0, ' '));
}

namespace {

// A zombie has ended for us: its monitor has not reaped it yet, or is gone.
bool is_alive(const ProcessIdentity& identity) {
  return open_process(identity).has_value();
}

}  // namespace

CurrentState derive_state(const std::optional<RunState>& state, const std::optional<ExitRecord>& exit,
                          const std::string& this_boot) {
  CurrentState current;
  current.last_exit = exit;
  const bool is_this_boot = state && state->boot_id == this_boot;
  const bool init_lives = is_this_boot && is_alive(state->init);
  // With a dead init the monitor is about to write how it ended: until then nobody knows.
  current.monitored = !is_this_boot || is_alive(state->monitor);
  if (init_lives || (is_this_boot && current.monitored)) {
    current.status = state->paused ? Status::kPaused : Status::kRunning;
    current.pid = state->init.pid;
    current.run = *state;
    return current;
  }
  if (exit) {
    current.status = exit->started_ns == 0 && exit->finished_ns == 0 ? Status::kCreated : Status::kExited;
    return current;
  }
  if (!state) return current;
  current.status = Status::kExited;
  current.last_exit = ExitRecord{.code = kLostExitCode,
                                 .error = state->boot_id == this_boot ? "monitor lost" : "reboot",
                                 .started_ns = state->started_ns};
  return current;
}

}  // namespace engine
