// exec, attach, logs: commands that talk with a container's processes.
#include <unistd.h>

#include "base/strings.h"
#include "base/units.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "cli/time_points.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kExecOptions[] = {
    {'d', "detach", kFlag, "Detached mode: run command in the background"},
    {0, "detach-keys", kString, "Override the key sequence for detaching a container"},
    {'e', "env", kList, "Set environment variables"},
    {0, "env-file", kList, "Read in a file of environment variables"},
    {'i', "interactive", kFlag, "Keep STDIN open even if not attached"},
    {0, "privileged", kFlag, "Give extended privileges to the command"},
    {'t', "tty", kFlag, "Allocate a pseudo-TTY"},
    {'u', "user", kString, "Username or UID (format: \"<name|uid>[:<group|gid>]\")"},
    {'w', "workdir", kString, "Working directory inside the container"},
};
constexpr OptionSpec kAttachOptions[] = {
    {0, "detach-keys", kString, "Override the key sequence for detaching a container"},
    {0, "no-stdin", kFlag, "Do not attach STDIN"},
    {0, "sig-proxy", kFlag, "Proxy all received signals to the process", nullptr, "true"},
};
constexpr OptionSpec kLogsOptions[] = {
    {'f', "follow", kFlag, "Follow log output"},
    {0, "since", kString,
     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"},
    {'n', "tail", kString, "Number of lines to show from the end of the logs", nullptr, "all"},
    {'t', "timestamps", kFlag, "Show timestamps"},
    {0, "until", kString,
     "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 "
     "minutes)"},
};

Result<int> run_exec(const Invocation& call) {
  const auto& words = call.arguments();
  engine::ExecRequest request;
  request.command.assign(words.begin() + 1, words.end());
  request.env = call.options.list("env");
  request.env_files = call.options.list("env-file");
  request.user = call.options.string("user");
  request.workdir = call.options.string("workdir");
  request.tty = call.options.flag("tty");
  request.interactive = call.options.flag("interactive");
  request.detach = call.options.flag("detach");
  request.privileged = call.options.flag("privileged");
  request.detach_keys = call.options.string("detach-keys");
  if (request.tty && request.interactive && !request.detach && ::isatty(STDIN_FILENO) != 1) {
    complain("the input device is not a TTY");
    return 1;
  }
  const engine::Outcome outcome = TRY(engine::exec_container(open_store(call), words.front(), request));
  return report_outcome(call, outcome);
}

Result<int> run_attach(const Invocation& call) {
  engine::AttachOptions options;
  options.in = !call.options.flag("no-stdin");
  options.sig_proxy = call.options.flag("sig-proxy");
  const std::string keys = call.options.string("detach-keys");
  if (!keys.empty()) options.detach_keys = keys;
  const engine::Outcome outcome =
      TRY(engine::attach_container(open_store(call), call.arguments().front(), options));
  return report_outcome(call, outcome);
}

Result<int> run_logs(const Invocation& call) {
  engine::LogsRequest request;
  request.follow = call.options.flag("follow");
  request.timestamps = call.options.flag("timestamps");
  const int64_t now = now_ns();
  const std::string since = call.options.string("since");
  if (!since.empty()) request.since_ns = TRY(parse_time_point(since, now));
  const std::string until = call.options.string("until");
  if (!until.empty()) request.until_ns = TRY(parse_time_point(until, now));
  // Docker takes everything that is no number for "all".
  const auto tail = parse_uint(call.options.string("tail"));
  if (tail) request.tail = *tail;
  TRY(engine::print_logs(open_store(call), call.arguments().front(), request, STDOUT_FILENO, STDERR_FILENO));
  return 0;
}

constexpr Command kCommands[] = {
    {.names = "container exec, exec",
     .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
     .summary = "Execute a command in a running container",
     .options = {kExecOptions},
     .min_arguments = 2,
     .order = Order::kOptionsFirst,
     .handler = run_exec,
     .examples = "# A second shell in it\nvial exec -it web sh",
     .completes = Names::kRunningContainers,
     .is_exposed = always_exposed,
     .common = true},
    {.names = "container attach, attach",
     .usage = "[OPTIONS] CONTAINER",
     .summary = "Attach local standard input, output, and error streams to a running container",
     .options = {kAttachOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .handler = run_attach,
     .examples = "# Back to it; ctrl-p ctrl-q leaves it running\nvial attach web",
     .completes = Names::kRunningContainers},
    {.names = "container logs, logs",
     .usage = "[OPTIONS] CONTAINER",
     .summary = "Fetch the logs of a container",
     .options = {kLogsOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .handler = run_logs,
     .examples = "# The last ten lines, and what comes\nvial logs -n 10 -f web",
     .completes = Names::kContainers},
};

}  // namespace

const std::span<const Command> kExecCommands = kCommands;

}  // namespace cli
