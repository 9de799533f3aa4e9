// start, stop, kill, rm, wait: commands that move containers from one state to another.
#include <unistd.h>

#include "base/strings.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "runtime/views.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kStartOptions[] = {
    {'a', "attach", kFlag, "Attach STDOUT/STDERR and forward signals"},
    {0, "detach-keys", kString, "Override the key sequence for detaching a container"},
    {0, "explain", kFlag, "Say on standard error what each step did"},
    {'i', "interactive", kFlag, "Attach container's STDIN"},
};
constexpr OptionSpec kStopOptions[] = {
    {'s', "signal", kString, "Signal to send to the container"},
    {0, "time", kInt, nullptr, nullptr, nullptr, "timeout"},
    {'t', "timeout", kInt, "Seconds to wait before killing the container (-1: for ever)"},
};
constexpr OptionSpec kKillOptions[] = {
    {'s', "signal", kString, "Signal to send to the container", nullptr, "KILL"},
};
constexpr OptionSpec kRemoveOptions[] = {
    {'f', "force", kFlag, "Force the removal of a running container (uses SIGKILL)"},
    {'v', "volumes", kFlag, "Remove anonymous volumes associated with the container"},
};

Result<int> start_attached(const Invocation& call, const engine::Store& store,
                           const engine::Explainer& explainer) {
  if (call.arguments().size() > 1) return invalid("you cannot start and attach multiple containers at once");
  engine::AttachOptions attach;
  attach.in = call.options.flag("interactive");
  const std::string keys = call.options.string("detach-keys");
  if (!keys.empty()) attach.detach_keys = keys;
  const engine::Outcome outcome =
      TRY(engine::start_container(store, call.arguments().front(), attach, explainer));
  return report_outcome(call, outcome);
}

Result<int> run_start(const Invocation& call) {
  const engine::Store store = open_store_to_change(call);
  engine::Explainer explainer;
  if (call.options.flag("explain")) explainer = runtime::explain_text;
  if (call.options.flag("attach") || call.options.flag("interactive"))
    return start_attached(call, store, explainer);
  const auto start = [&](const std::string& ref) -> Result<void> {
    const engine::Outcome outcome = TRY(engine::start_container(store, ref, std::nullopt, explainer));
    for (const auto& warning : outcome.warnings)
      complain("WARNING: " + printable(warning));
    if (outcome.failure) return invalid(*outcome.failure);
    return ok();
  };
  std::vector<std::string> failed;
  const int code = for_each_argument(call, [&](const std::string& ref) {
    auto started = start(ref);
    if (!started) failed.push_back(printable(ref));
    return started;
  });
  if (!failed.empty()) complain("Error: failed to start containers: " + join(failed, ", "));
  return code;
}

Result<int> run_stop(const Invocation& call) {
  engine::StopRequest request;
  request.signal = call.options.string("signal");
  if (const auto timeout = call.options.integer("timeout")) {
    if (*timeout < -1 || *timeout > INT32_MAX)
      return invalid("timeout out of range: " + std::to_string(*timeout));
    request.timeout_s = static_cast<int>(*timeout);
  }
  const engine::Store store = open_store_to_change(call);
  return for_each_argument(
      call, [&](const std::string& ref) { return engine::stop_container(store, ref, request); });
}

Result<int> run_kill(const Invocation& call) {
  const engine::Store store = open_store_to_change(call);
  const std::string signal = call.options.string("signal");
  return for_each_argument(
      call, [&](const std::string& ref) { return engine::kill_container(store, ref, signal); });
}

// With --force a container that is not there is told, but is no failure.
Result<int> run_remove(const Invocation& call) {
  const engine::Store store = open_store_to_change(call);
  const engine::RemoveRequest request = {call.options.flag("force"), call.options.flag("volumes")};
  int code = 0;
  for (const auto& ref : call.arguments()) {
    const auto removed = engine::remove_container(store, ref, request);
    if (removed) {
      print_line(printable(ref));
      continue;
    }
    complain_of(removed.error());
    if (!request.force || removed.error().kind() != ErrorKind::kNotFound) code = 1;
  }
  return code;
}

Result<int> run_wait(const Invocation& call) {
  const engine::Store store = open_store(call);
  const auto wait = [&](const std::string& ref) -> Result<void> {
    const int code = TRY(engine::wait_container(store, ref));
    print_line(std::to_string(code));
    return ok();
  };
  return for_each_argument(call, wait, true);
}

constexpr const char* kContainers = "CONTAINER [CONTAINER...]";
constexpr const char* kOptionsAndContainers = "[OPTIONS] CONTAINER [CONTAINER...]";

constexpr Command kCommands[] = {
    {.names = "container start, start",
     .usage = kOptionsAndContainers,
     .summary = "Start one or more stopped containers",
     .options = {kStartOptions},
     .min_arguments = 1,
     .handler = run_start,
     .examples = "# Start it again and see its output\nvial start -a job",
     .completes = Names::kContainers,
     .is_exposed = always_exposed},
    {.names = "container stop, stop",
     .usage = kOptionsAndContainers,
     .summary = "Stop one or more running containers",
     .options = {kStopOptions},
     .min_arguments = 1,
     .handler = run_stop,
     .examples = "# Ask; after 3 seconds kill\nvial stop -t 3 web",
     .completes = Names::kRunningContainers},
    {.names = "container kill, kill",
     .usage = kOptionsAndContainers,
     .summary = "Kill one or more running containers",
     .options = {kKillOptions},
     .min_arguments = 1,
     .handler = run_kill,
     .examples = "# Let it read its configuration again\nvial kill -s HUP web",
     .completes = Names::kRunningContainers},
    {.names = "container rm, container remove, rm",
     .usage = kOptionsAndContainers,
     .summary = "Remove one or more containers",
     .options = {kRemoveOptions},
     .min_arguments = 1,
     .handler = run_remove,
     .examples = "# Whatever state they are in\nvial rm -f web db",
     .completes = Names::kContainers},
    {.names = "container wait, wait",
     .usage = kContainers,
     .summary = "Block until one or more containers stop, then print their exit codes",
     .min_arguments = 1,
     .handler = run_wait,
     .examples = "code=$(vial wait job)",
     .completes = Names::kContainers},
};

}  // namespace

const std::span<const Command> kLifeCommands = kCommands;

}  // namespace cli
