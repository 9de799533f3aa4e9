// From vial-oci's argv to a handler, and from an error to the log.
#include <exception>

#include "base/paths.h"
#include "base/strings.h"
#include "cli/help.h"
#include "cli/oci/call.h"
#include "cli/output.h"

namespace cli::oci {

namespace {

constexpr const char* kName = "vial-oci";
constexpr int kError = 1;

constexpr OptionSpec kGlobals[] = {
    {0, "root", OptionKind::kString, "Directory of the containers' state", "directory",
     runtime::kDefaultStateRoot},
    {0, "log", OptionKind::kString, "File that errors and warnings are appended to", "file"},
    {0, "log-format", OptionKind::kString, "Form of the log: text or json", "format", "text"},
    {0, "log-level", OptionKind::kString,
     "For callers that say it: errors and warnings are told at each level", "level", "info"},
    {0, "debug", OptionKind::kFlag, "The same as --log-level debug"},
    {0, "systemd-cgroup", OptionKind::kFlag, "The same as --cgroup-manager systemd"},
    {0, "cgroup-manager", OptionKind::kString, "Who makes cgroups: cgroupfs, systemd or disabled", "manager",
     "cgroupfs"},
    {0, "rootless", OptionKind::kString, "true, false or auto; for callers that say it, vial-oci needs root",
     "mode", "auto"},
    {0, "criu", OptionKind::kString, nullptr},  // callers name runc's helper for checkpoints
    {'v', "version", OptionKind::kFlag, "Print the version"},
};
constexpr OptionTable kGlobalTables[] = {kGlobals};

// dockerd looks for the word "version" and for "commit:".
std::string version_text() {
  return std::string("vial-oci version ") + VIAL_VERSION + "\ncommit: " + VIAL_VERSION +
         "\nspec: " + runtime::kSpecVersion + "\n";
}

Result<runtime::CgroupManager> cgroup_manager_of(const Options& options) {
  const std::string name = options.string("cgroup-manager");
  if (options.flag("systemd-cgroup") || name == "systemd") return runtime::CgroupManager::kSystemd;
  if (name == "cgroupfs") return runtime::CgroupManager::kFiles;
  if (name == "disabled") return runtime::CgroupManager::kDisabled;
  return invalid("unknown cgroup manager \"" + printable(name) + "\"");
}

Result<LogFormat> log_format_of(const Options& options) {
  const std::string format = options.string("log-format");
  if (format == "json") return LogFormat::kJson;
  if (format == "text") return LogFormat::kText;
  return invalid("invalid log-format: " + printable(format));
}

// The words of logrus, which runc and its callers have, and crun's. We have nothing to say below a warning.
Result<void> check_log_level(const std::string& level) {
  for (const char* known : {"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"}) {
    if (level == known) return ok();
  }
  return invalid("invalid log-level: " + printable(level));
}

Result<void> check_rootless(const std::string& mode) {
  for (const char* known : {"auto", "true", "false", "1", "0"}) {
    if (mode == known) return ok();
  }
  return invalid("invalid value \"" + printable(mode) + "\" for --rootless: not true, false or auto");
}

// A path is the caller's, from where it is called; what is kept in the state must hold elsewhere.
Result<std::string> state_root(const Options& options) {
  const std::string root = options.string("root");
  if (root.empty()) return invalid("--root must not be empty");
  return absolute_path(root);
}

Result<OciGlobals> read_globals(const Options& options) {
  OciGlobals globals;
  globals.root = TRY(state_root(options));
  TRY(check_log_level(options.string("log-level")));
  globals.cgroup_manager = TRY(cgroup_manager_of(options));
  TRY(check_rootless(options.string("rootless")));
  return globals;
}

Result<void> check_arguments(const Command& command, size_t given) {
  const auto least = static_cast<size_t>(command.min_arguments);
  const bool is_exact = command.min_arguments == command.max_arguments;
  const bool too_many =
      command.max_arguments != kAnyNumber && given > static_cast<size_t>(command.max_arguments);
  if (given >= least && !too_many) return ok();
  const std::string name = std::string(kName) + ": \"" + command.names + "\" requires ";
  if (is_exact) return invalid(name + "exactly " + std::to_string(least) + " argument(s)");
  if (given < least) return invalid(name + "a minimum of " + std::to_string(least) + " argument(s)");
  return invalid(name + "a maximum of " + std::to_string(command.max_arguments) + " argument(s)");
}

int fail(ErrorLog& log, const Error& error) {
  log.error(error.text());
  return kError;
}

int run_entry(const OciCommand& entry, const Call& call) {
  const auto code = entry.handler(call);
  if (!code) {
    call.log.error(entry.error_prefix + code.error().text());
    return entry.command.error_code;
  }
  if (!output_failed()) return *code;
  call.log.error("standard output can't be written");
  return *code == 0 ? kError : *code;
}

int run_words(const OciGlobals& globals, ErrorLog& log, const std::vector<std::string>& words, char** argv) {
  const OciCommand* entry = find_oci_command(words.front());
  if (entry == nullptr) return fail(log, invalid("unknown command \"" + printable(words.front()) + "\""));
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  const auto options = parse_options(entry->command.options, rest, entry->command.order);
  if (!options) return fail(log, options.error());
  if (options->help_wanted()) {
    print(command_help(entry->command, entry->command.names, static_cast<size_t>(terminal_width()), kName));
    return 0;
  }
  const auto counted = check_arguments(entry->command, options->arguments().size());
  if (!counted) return fail(log, counted.error());
  return run_entry(*entry, {globals, *options, log, argv});
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  ErrorLog log;
  const auto options = parse_options(kGlobalTables, words, Order::kOptionsFirst);
  if (!options) return fail(log, options.error());
  if (options->flag("version")) {
    print(version_text());
    return 0;
  }
  const auto format = log_format_of(*options);
  if (!format) return fail(log, format.error());
  log = ErrorLog(options->string("log"), *format);
  const auto globals = read_globals(*options);
  if (!globals) return fail(log, globals.error());
  if (options->help_wanted() || options->arguments().empty()) {
    print(oci_help(static_cast<size_t>(terminal_width())));
    return 0;
  }
  return run_words(*globals, log, options->arguments(), argv);
}

}  // namespace

Result<unsigned> preserved_descriptors(const Options& options) {
  constexpr int64_t kMost = 1024;
  const int64_t kept = options.integer("preserve-fds").value_or(0);
  if (kept < 0 || kept > kMost) return invalid("--preserve-fds must be between 0 and 1024");
  return static_cast<unsigned>(kept);
}

std::span<const std::span<const OciCommand>> all_oci_commands() {
  static const std::span<const OciCommand> all[] = {kOciLifeCommands,  kOciExecCommands, kOciStateCommands,
                                                    kOciLimitCommands, kOciHostCommands, kOciHelpCommands};
  return all;
}

const OciCommand* find_oci_command(std::string_view name) {
  for (const auto family : all_oci_commands()) {
    for (const auto& entry : family) {
      if (name == entry.command.names) return &entry;
    }
  }
  return nullptr;
}

OptionTable oci_global_options() {
  return kGlobals;
}

int run_oci(int argc, char** argv) noexcept {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // Ours never throw; a library or the allocator did.
    complain(std::string("vial-oci: internal error: ") + error.what());
    return kError;
  }
}

}  // namespace cli::oci
