// help and completion: what the tables of vial-oci say, as help, man pages and scripts for shells.
#include "base/strings.h"
#include "cli/help.h"
#include "cli/oci/call.h"
#include "cli/output.h"

namespace cli::oci {

namespace {

constexpr const char* kHeadline =
    "The OCI runtime of vial: runs containers from bundles, for callers and for shells\n\n"
    "A bundle is a directory with a config.json (the OCI runtime specification) and a root file system; "
    "`spec` writes a config.json to begin with. To run one as container ID, which is a name of your choice:\n"
    "\n    vial-oci run --bundle DIRECTORY ID";

constexpr const char* kDetails =
    "The OCI runtime of vial. containerd, Docker, Podman and Kubernetes run containers through such a "
    "program; so can a shell, as root. No daemon is needed and none is started.\n\n"
    "A container is made from a bundle: a directory with a config.json (the OCI runtime specification) and a "
    "root file system. `create` makes everything but runs nothing yet, `start` runs the program, `run` does "
    "both. `delete` undoes what is left on the host.\n\n"
    "An id is of letters, digits, \"_\", \"+\", \",\", \"-\" and \".\", 255 at most, and used once below a "
    "--root.\n\n"
    "Errors go to standard error and, when it is named, to --log. The exit code is 1 for an error; `run` and "
    "`exec` exit as the program did (128 + n for signal n), and `exec` with 255 when it failed itself.";

constexpr OptionSpec kHelpOptions[] = {
    {0, "man", OptionKind::kFlag, "Print the man page, as troff"},
    {0, "list", OptionKind::kFlag, "Print the commands, one a line"},
};

// The tables in the shape that the makers of documents read.
class Documented {
 public:
  Documented() {
    for (const auto family : all_oci_commands()) {
      for (const auto& entry : family)
        commands_.push_back(entry.command);
    }
    families_[0] = commands_;
    texts_ = {.name = "vial-oci",
              .summary = "run containers from OCI bundles",
              .headline = kHeadline,
              .details = kDetails,
              .options = oci_global_options(),
              .containers = "list --quiet"};
    program_ = {.name = texts_.name, .commands = families_, .texts = &texts_};
  }
  Documented(const Documented&) = delete;
  Documented& operator=(const Documented&) = delete;

  const Program& program() const { return program_; }

 private:
  std::vector<Command> commands_;
  std::array<std::span<const Command>, 1> families_;
  ProgramTexts texts_ = {};
  Program program_ = {};
};

Result<int> run_help(const Call& call) {
  const Documented documented;
  const Program& program = documented.program();
  const bool man = call.options.flag("man");
  const auto width = static_cast<size_t>(terminal_width());
  if (call.options.flag("list")) {
    for (const auto& command : program.commands.front()) {
      if (!command.hidden) print_line(command.names);
    }
    return 0;
  }
  const std::string name = call.arguments().empty() ? program.name : call.arguments().front();
  if (name == program.name) {
    print(man ? program_man_page(program) : oci_help(width));
    return 0;
  }
  const OciCommand* entry = find_oci_command(name);
  if (entry == nullptr) return invalid("unknown command \"" + printable(name) + "\"");
  print(man ? command_man_page(entry->command, program.name)
            : command_help(entry->command, name, width, program.name));
  return 0;
}

Result<int> run_completion(const Call& call) {
  const Documented documented;
  print(TRY(completion_script(documented.program(), call.id())));
  return 0;
}

constexpr OciCommand kCommands[] = {
    {{.names = "help",
      .usage = "[OPTIONS] [COMMAND]",
      .summary = "Print help or the man page of a command",
      .options = {kHelpOptions},
      .max_arguments = 1},
     run_help},
    {{.names = "h",
      .usage = "",
      .summary = "help",
      .options = {kHelpOptions},
      .max_arguments = 1,
      .hidden = true},
     run_help},
    {{.names = "completion",
      .usage = "bash|zsh|fish",
      .summary = "Print the completion script for a shell",
      .min_arguments = 1,
      .max_arguments = 1,
      .examples = "# In bash, for this session\nsource <(vial-oci completion bash)"},
     run_completion},
};

}  // namespace

const std::span<const OciCommand> kOciHelpCommands = kCommands;

std::string oci_help(size_t width) {
  const Documented documented;
  return program_help(documented.program(), width);
}

}  // namespace cli::oci
