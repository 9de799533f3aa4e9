// help and completion: commands that print what the tables say.
#include "base/strings.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/registry.h"

namespace cli {

namespace {

constexpr OptionSpec kHelpOptions[] = {
    {0, "man", OptionKind::kFlag, "Print the man page, as troff"},
    {0, "list", OptionKind::kFlag, "Print the commands' short names, one a line"},
};

Result<int> run_help(const Invocation& call) {
  if (call.options.flag("list")) {
    for (const auto family : call.program.commands) {
      for (const auto& command : family) {
        if (!command.hidden) print_line(short_name_of(command));
      }
    }
    return 0;
  }
  const bool man = call.options.flag("man");
  const auto width = static_cast<size_t>(terminal_width());
  const std::string name = join(call.arguments(), " ");
  if (name.empty() || name == "vial") {
    print(man ? program_man_page(call.program) : program_help(call.program, width));
    return 0;
  }
  if (const Command* command = find_command(call.program, name)) {
    print(man ? command_man_page(*command) : command_help(*command, name, width));
    return 0;
  }
  if (const Group* group = find_group(call.program, name)) {
    print(group_help(call.program, *group, width));
    return 0;
  }
  return invalid("'" + name + "' is not a vial command.");
}

Result<int> run_completion(const Invocation& call) {
  print(TRY(completion_script(call.program, call.arguments().front())));
  return 0;
}

constexpr Command kCommands[] = {
    {.names = "help",
     .usage = "[OPTIONS] [COMMAND]",
     .summary = "Print help or the man page of a command",
     .options = {kHelpOptions},
     .max_arguments = 2,
     .handler = run_help,
     .hidden = true},
    {.names = "completion",
     .usage = "bash|zsh|fish",
     .summary = "Print the completion script for a shell",
     .min_arguments = 1,
     .max_arguments = 1,
     .handler = run_completion,
     .examples = "# In bash, for this session\nsource <(vial completion bash)"},
};

}  // namespace

const std::span<const Command> kHelpCommands = kCommands;

}  // namespace cli
