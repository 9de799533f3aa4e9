// exec: one more process in a container.
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cli/oci/call.h"
#include "cli/oci/foreground.h"
#include "runtime/enter.h"
#include "runtime/seal.h"
#include "security/capabilities.h"

namespace cli::oci {

namespace {

constexpr int kExecError = 255;

constexpr OptionSpec kExecOptions[] = {
    {'p', "process", OptionKind::kString, "File with the process, as in config.json; - for standard input",
     "file"},
    {'d', "detach", OptionKind::kFlag, "Don't stay with the process"},
    {0, "pid-file", OptionKind::kString, "File that gets the process's pid", "file"},
    {0, "console-socket", OptionKind::kString, "Socket that gets the master of the process's terminal",
     "path"},
    {0, "pidfd-socket", OptionKind::kString, "Socket that gets a pidfd of the process", "path"},
    {'t', "tty", OptionKind::kFlag, "Give it a terminal"},
    {0, "cwd", OptionKind::kString, "Its working directory", "directory"},
    {'e', "env", OptionKind::kList, "Set an environment variable", "NAME=value"},
    {'u', "user", OptionKind::kString, "Who it is", "uid[:gid]"},
    {'g', "additional-gids", OptionKind::kList, "One more of its groups", "gid"},
    {'c', "cap", OptionKind::kList, "One more of its capabilities", "name"},
    {0, "no-new-privs", OptionKind::kFlag, "It can't gain privileges by execve"},
    {0, "apparmor", OptionKind::kString, "Its AppArmor profile", "profile"},
    {0, "process-label", OptionKind::kString, "Its SELinux label", "label"},
    {0, "preserve-fds", OptionKind::kInt, "Descriptors above 2 that it gets, too", "number", "0"},
    {0, "ignore-paused", OptionKind::kFlag, "Also when the container is paused"},
    {0, "cgroup", OptionKind::kList, "A cgroup below the container's, which must exist",
     "[controller[,...]:]path"},
};

constexpr const char* kDetails =
    "What is not said is as in the container's config.json: user, environment, capabilities, limits, labels. "
    "With --process all of it is in a file, in the shape of config.json's \"process\".\n\n"
    "--cgroup PATH is for all controllers; where controllers are on cgroup v1 a path can be given for some "
    "of "
    "them, and --cgroup more than once. A process that comes into a paused container (--ignore-paused) waits "
    "there for `resume`.\n\n"
    "Exits as the process did, with 128 + n for signal n, and with 255 for an error of its own.";

Result<uint32_t> parse_number(const std::string& text, const char* what) {
  const auto number = parse_uint(text);
  if (!number || *number > UINT32_MAX - 1) {
    return invalid(std::string(what) + " \"" + printable(text) + "\" is not a number below 4294967295");
  }
  return static_cast<uint32_t>(*number);
}

// "uid" or "uid:gid", numbers alone: a runtime knows no names.
Result<void> set_user(runtime::User& user, const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() > 2) return invalid("user \"" + printable(text) + "\" is not uid[:gid]");
  user.uid = TRY(parse_number(parts[0], "uid"));
  if (parts.size() > 1) user.gid = TRY(parse_number(parts[1], "gid"));
  return ok();
}

Result<void> add_capabilities(runtime::Process& process, const std::vector<std::string>& names) {
  if (names.empty()) return ok();
  if (!process.capabilities) process.capabilities.emplace();
  for (const auto& name : names) {
    const int number = TRY(security::capability_number(name));
    const auto bit = security::CapabilityMask(1) << static_cast<unsigned>(number);
    process.capabilities->bounding |= bit;
    process.capabilities->effective |= bit;
    process.capabilities->permitted |= bit;
  }
  return ok();
}

Result<runtime::Process> typed_process(const Call& call, const runtime::Process& own) {
  const Options& options = call.options;
  runtime::Process process = own;
  process.args.assign(call.arguments().begin() + 1, call.arguments().end());
  process.terminal = options.flag("tty");
  // An empty text is what callers say who want nothing else, as with runc; nobody is to lose a profile by it.
  const auto choose = [&options](const char* name, std::string& member) {
    if (!options.string(name).empty()) member = options.string(name);
  };
  choose("cwd", process.cwd);
  for (const auto& entry : options.list("env"))
    process.env.push_back(entry);
  if (!options.string("user").empty()) TRY(set_user(process.user, options.string("user")));
  for (const auto& gid : options.list("additional-gids"))
    process.user.additional_gids.push_back(TRY(parse_number(gid, "gid")));
  TRY(add_capabilities(process, options.list("cap")));
  if (options.given("no-new-privs")) process.no_new_privileges = options.flag("no-new-privs");
  choose("apparmor", process.apparmor_profile);
  choose("process-label", process.selinux_label);
  return process;
}

// The document of --process; empty without one. Read before any descriptor is closed: it may be one,
// /dev/fd/63.
Result<std::string> process_text(const Options& options) {
  const std::string file = options.string("process");
  if (file.empty()) return std::string();
  return file == "-" ? read_fd(STDIN_FILENO) : read_file(file);
}

Result<runtime::Process> choose_process(const Call& call, const std::string& text,
                                        const runtime::Process& own) {
  const std::string file = call.options.string("process");
  if (file.empty()) {
    if (call.arguments().size() < 2) return invalid("process args cannot be empty");
    return typed_process(call, own);
  }
  runtime::Process process = TRY_IN(printable(file), runtime::read_exec_process(text, own));
  if (call.options.given("tty")) process.terminal = call.options.flag("tty");
  return process;
}

Result<runtime::EnterRequest> request_of(const Call& call) {
  const Options& options = call.options;
  runtime::EnterRequest request;
  request.root = call.globals.root;
  request.id = call.id();
  request.choose_process = [&call, text = TRY(process_text(options))](const runtime::Process& own) {
    return choose_process(call, text, own);
  };
  request.ignore_paused = options.flag("ignore-paused");
  request.is_detached = options.flag("detach");
  request.pid_file = options.string("pid-file");
  request.console_socket = options.string("console-socket");
  request.pidfd_socket = options.string("pidfd-socket");
  request.sub_cgroups = options.list("cgroup");
  request.preserve_fds = TRY(preserved_descriptors(options));
  return request;
}

Result<int> run_exec(const Call& call) {
  // The container's processes see us come in: nothing of our file may be writable for them.
  runtime::run_sealed(call.argv);
  runtime::EnterRequest request = TRY(request_of(call));
  TRY(sys::close_range(3 + request.preserve_fds, ~0U, 0));
  if (request.is_detached) {
    const runtime::Entered entered = TRY(runtime::enter_container(request));
    for (const auto& text : entered.warnings)
      call.log.warning(text);
    return 0;
  }
  Foreground foreground;
  request.on_terminal = [&foreground] { foreground.take_terminal(); };
  runtime::Entered entered = TRY(runtime::enter_container(request));
  for (const auto& text : entered.warnings)
    call.log.warning(text);
  Fd& console = entered.launched->console_master;
  const ExitStatus status = TRY(foreground.attend(entered.launched->pidfd.get(), std::move(console)));
  return status.shell_code();
}

constexpr OciCommand kCommands[] = {
    {{.names = "exec",
      .usage = "[OPTIONS] ID COMMAND [ARG...]\n[OPTIONS] --process FILE ID",
      .summary = "Run one more process in a container",
      .options = {kExecOptions},
      .min_arguments = 1,
      .order = Order::kOptionsFirst,
      .details = kDetails,
      .examples = "vial-oci exec -t web sh\nvial-oci exec --user 1000:1000 --cwd /tmp web id\n"
                  "vial-oci exec --detach --process process.json --pid-file pid web",
      .completes = Names::kContainers,
      .error_code = kExecError},
     run_exec,
     "exec failed: "},
};

}  // namespace

const std::span<const OciCommand> kOciExecCommands = kCommands;

}  // namespace cli::oci
