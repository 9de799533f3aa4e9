// create, run, start, kill, delete, pause, resume.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cli/oci/call.h"
#include "cli/oci/foreground.h"
#include "namespaces/ns_set.h"
#include "runtime/lifecycle.h"
#include "runtime/seal.h"

namespace cli::oci {

namespace {

constexpr OptionSpec kCreateOptions[] = {
    {'b', "bundle", OptionKind::kString, "Directory of config.json and the root file system", "directory",
     "."},
    {'f', "config", OptionKind::kString, "Another file than BUNDLE/config.json", "file"},
    {0, "pid-file", OptionKind::kString, "File that gets the pid of the container's process", "file"},
    {0, "console-socket", OptionKind::kString, "Socket that gets the master of the container's terminal",
     "path"},
    {0, "pidfd-socket", OptionKind::kString, "Socket that gets a pidfd of the container's process", "path"},
    {0, "no-pivot", OptionKind::kFlag, "Move the root instead of pivot_root (for an initramfs)"},
    {0, "no-new-keyring", OptionKind::kFlag, "Keep the caller's session keyring"},
    {0, "preserve-fds", OptionKind::kInt, "Descriptors above 2 that the container gets, too", "number", "0"},
};

constexpr const char* kCreateDetails =
    "The bundle's config.json says what to make: see `vial-oci spec`. When this returns all of the container "
    "exists, hooks up to createContainer have run, and its first process waits for `start`. Standard input, "
    "output and error are the container's, unless its config.json wants a terminal: then --console-socket "
    "names the Unix socket that gets the master.\n\n"
    "Descriptors from $LISTEN_FDS (sd_listen_fds(3)) are handed on, and those of --preserve-fds after them.";

constexpr OptionSpec kRunOptions[] = {
    {'d', "detach", OptionKind::kFlag, "Leave the container running in the background"},
    {0, "keep", OptionKind::kFlag, "Keep the state when the container has ended"},
    {0, "no-subreaper", OptionKind::kFlag,
     "Don't reap the container's orphans (with a shared pid namespace)"},
};

constexpr OptionSpec kKillOptions[] = {
    {'a', "all", OptionKind::kFlag, "Send the signal to all processes of the container"},
};

constexpr OptionSpec kDeleteOptions[] = {
    {'f', "force", OptionKind::kFlag, "Kill it first; it is no error when it is gone already"},
};

// Sockets that systemd or podman opened for the container stand before all others; sd_listen_fds(3).
unsigned listening_descriptors() {
  constexpr uint64_t kMost = 1024;
  const char* text = ::getenv("LISTEN_FDS");  // NOLINT(concurrency-mt-unsafe): one thread
  if (text == nullptr) return 0;
  const auto number = parse_uint(text);
  return number && *number <= kMost ? static_cast<unsigned>(*number) : 0;
}

Result<runtime::ContainerRequest> request_of(const Call& call) {
  const Options& options = call.options;
  runtime::ContainerRequest request;
  request.root = call.globals.root;
  request.id = call.id();
  request.bundle = TRY(runtime::read_bundle(options.string("bundle"), options.string("config")));
  request.pid_file = options.string("pid-file");
  request.console_socket = options.string("console-socket");
  request.pidfd_socket = options.string("pidfd-socket");
  request.no_pivot = options.flag("no-pivot");
  request.no_new_keyring = options.flag("no-new-keyring");
  request.cgroup_manager = call.globals.cgroup_manager;
  request.argv = call.argv;
  request.listen_fds = listening_descriptors();
  request.preserve_fds = TRY(preserved_descriptors(options)) + request.listen_fds;
  // What else the caller has open is none of the container's business, nor of an init that waits for days.
  TRY(sys::close_range(3 + request.preserve_fds, ~0U, 0));
  return request;
}

void tell(const Call& call, const std::vector<std::string>& warnings) {
  for (const auto& text : warnings)
    call.log.warning(text);
}

Result<int> run_create(const Call& call) {
  runtime::run_sealed(call.argv);  // its init is ours until the start, and others may come in
  const runtime::ContainerRequest request = TRY(request_of(call));
  const auto made = TRY(runtime::create_container(request));
  tell(call, made->warnings);
  return 0;
}

// Children of the container that nobody waits for come to us, when it has no pid 1 of its own.
void reap_orphans() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

Result<int> run_foreground(const Call& call, runtime::ContainerRequest& request) {
  Foreground foreground;
  request.on_terminal = [&foreground] { foreground.take_terminal(); };
  const auto made = TRY(runtime::run_container(request));
  tell(call, made->warnings);
  const auto own = TRY(namespaces::NamespaceSet::from(made->spec.os.namespaces));
  const bool reaps = !own.is_new("pid") && !call.options.flag("no-subreaper");
  if (reaps) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  Fd& console = made->launched->console_master;
  const ExitStatus status = TRY(foreground.attend(made->launched->pidfd.get(), std::move(console)));
  if (!call.options.flag("keep")) {
    std::vector<std::string> warnings;
    TRY(runtime::delete_ended(*made, warnings));
    tell(call, warnings);
  }
  if (reaps) reap_orphans();
  return status.shell_code();
}

Result<int> run_run(const Call& call) {
  // Where the init is exposed it is all done once more, sealed, and a descriptor can't be read twice.
  if (call.options.given("config")) runtime::run_sealed(call.argv);
  runtime::ContainerRequest request = TRY(request_of(call));
  request.is_detached = call.options.flag("detach");
  if (!request.is_detached) return run_foreground(call, request);
  const auto made = TRY(runtime::run_container(request));
  tell(call, made->warnings);
  return 0;
}

Result<int> run_start(const Call& call) {
  TRY(runtime::start_container(call.globals.root, call.id()));
  return 0;
}

Result<int> run_kill(const Call& call) {
  const auto& words = call.arguments();
  const bool is_named = words.size() > 1 && !words[1].empty();
  const std::string name = is_named ? words[1] : "TERM";
  // 0 asks whether there is anybody to kill, kill(2); parse_signal() knows no such signal.
  const auto signal = name == "0" ? Result<int>(0) : parse_signal(name);
  if (!signal) return invalid("unknown signal \"" + printable(name) + "\"");
  const auto whom = call.options.flag("all") ? runtime::Signaled::kAll : runtime::Signaled::kInit;
  TRY(runtime::kill_container(call.globals.root, call.id(), *signal, whom));
  return 0;
}

Result<int> run_delete(const Call& call) {
  std::vector<std::string> warnings;
  TRY(runtime::delete_container(call.globals.root, call.id(), call.options.flag("force"), warnings));
  tell(call, warnings);
  return 0;
}

Result<int> run_pause(const Call& call) {
  TRY(runtime::pause_container(call.globals.root, call.id()));
  return 0;
}

Result<int> run_resume(const Call& call) {
  TRY(runtime::resume_container(call.globals.root, call.id()));
  return 0;
}

constexpr OciCommand kCommands[] = {
    {{.names = "create",
      .usage = "[OPTIONS] ID",
      .summary = "Create a container from a bundle; `start` runs its program",
      .options = {kCreateOptions},
      .min_arguments = 1,
      .max_arguments = 1,
      .details = kCreateDetails,
      .examples = "vial-oci create --bundle /bundle web\nvial-oci start web"},
     run_create,
     "vial-oci create failed: "},
    {{.names = "run",
      .usage = "[OPTIONS] ID",
      .summary = "Create a container and start it",
      .options = {kCreateOptions, kRunOptions},
      .min_arguments = 1,
      .max_arguments = 1,
      .details = "Without --detach it stays until the container has ended, hands over its input, output and "
                 "signals, deletes it and exits as it did: with its code, or 128 + n for signal n.",
      .examples = "vial-oci run --bundle /bundle job"},
     run_run,
     "vial-oci run failed: "},
    {{.names = "start",
      .usage = "ID",
      .summary = "Run the program of a created container",
      .min_arguments = 1,
      .max_arguments = 1,
      .details = "Returns when the program has been executed and the poststart hooks have run. An error in "
                 "the last steps before the program is told here.",
      .examples = "vial-oci start web",
      .completes = Names::kContainers},
     run_start},
    {{.names = "kill",
      .usage = "[OPTIONS] ID [SIGNAL]",
      .summary = "Send a signal to a container's process (SIGTERM unless another is named)",
      .options = {kKillOptions},
      .min_arguments = 1,
      .max_arguments = 2,
      .details = "SIGNAL is a name with or without SIG, or a number; 0 sends none and asks whether the "
                 "process is there.",
      .examples = "vial-oci kill web KILL\nvial-oci kill web 15",
      .completes = Names::kContainers},
     run_kill},
    {{.names = "delete",
      .usage = "[OPTIONS] ID",
      .summary = "Remove what a container left on the host, and its state",
      .options = {kDeleteOptions},
      .min_arguments = 1,
      .max_arguments = 1,
      .details = "For a container that has stopped, or was created and not started. Runs the poststop hooks.",
      .examples = "vial-oci delete web\nvial-oci delete --force web",
      .completes = Names::kContainers},
     run_delete},
    {{.names = "pause",
      .usage = "ID",
      .summary = "Stop all processes of a container until `resume`",
      .min_arguments = 1,
      .max_arguments = 1,
      .details =
          "The processes are frozen by their cgroup and notice nothing. Returns when all have stopped.",
      .examples = "vial-oci pause web",
      .completes = Names::kContainers},
     run_pause},
    {{.names = "resume",
      .usage = "ID",
      .summary = "Let a paused container go on",
      .min_arguments = 1,
      .max_arguments = 1,
      .examples = "vial-oci resume web",
      .completes = Names::kContainers},
     run_resume},
};

}  // namespace

const std::span<const OciCommand> kOciLifeCommands = kCommands;

}  // namespace cli::oci
