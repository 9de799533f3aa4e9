// From argv to a handler: global options, the command's words, its options; errors in Docker's words.
#include <cstdlib>
#include <exception>

#include "base/log.h"
#include "base/paths.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/image_program.h"
#include "cli/output.h"

namespace cli {

namespace {

constexpr int kUsageError = 125;
constexpr int kError = 1;

constexpr OptionSpec kGlobalOptions[] = {
    {'D', "debug", OptionKind::kFlag, "Say on standard error what is done"},
    {0, "root", OptionKind::kString, "Directory of what must survive a reboot: images, layers, containers",
     nullptr, "/var/lib/vial"},
    {0, "run-root", OptionKind::kString, "Directory of what must not: sockets, locks", nullptr, "/run/vial"},
    {'v', "version", OptionKind::kFlag, "Print version information and quit"},
};
constexpr OptionTable kGlobalTables[] = {kGlobalOptions};

// What the words in front say: the command and how many words name it.
struct Found {
  const Command* command = nullptr;
  const Group* group = nullptr;
  std::string typed;
  size_t words = 0;
};

Found find_by_words(const Program& program, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  if (words.size() > 1) {
    const std::string two = words[0] + " " + words[1];
    if (const Command* command = find_command(program, two)) return {command, nullptr, two, 2};
  }
  if (const Command* command = find_command(program, words[0])) return {command, nullptr, words[0], 1};
  return {nullptr, find_group(program, words[0]), words[0], 1};
}

int usage_error(const Command& command, std::string_view typed, const Error& error) {
  complain(error.text() + "\n\n" + usage_line(command, typed) + "\n\nRun 'vial " + std::string(typed) +
           " --help' for more information");
  return kUsageError;
}

int unknown_command(const Program& program, const std::string& typed) {
  std::string text = "vial: '" + printable(typed) + "' is not a vial command.";
  const std::string nearest = nearest_command(program, typed);
  if (!nearest.empty()) text += "\nDid you mean 'vial " + nearest + "'?";
  const Group* group = find_group(program, split(typed, ' ').front());
  const std::string help = group != nullptr ? std::string("vial ") + group->name : "vial";
  complain(text + "\n\nRun '" + help + " --help' for more information");
  return kError;
}

int run_group(const Program& program, const Group& group, const std::vector<std::string>& words) {
  if (words.size() == 1 || words[1] == "--help" || words[1] == "-h") {
    print(group_help(program, group, static_cast<size_t>(terminal_width())));
    return 0;
  }
  if (!words[1].starts_with('-')) return unknown_command(program, words[0] + " " + words[1]);
  const std::string name = std::string("vial ") + group.name;
  complain("unknown flag: " + printable(words[1]) + "\n\nUsage:  " + name + " COMMAND\n\nRun '" + name +
           " --help' for more information");
  return kUsageError;
}

std::string count_text(const Command& command) {
  const auto arguments = [](int n) { return std::to_string(n) + (n == 1 ? " argument" : " arguments"); };
  if (command.max_arguments == 0) return "accepts no arguments";
  if (command.min_arguments == command.max_arguments) return "requires " + arguments(command.min_arguments);
  if (command.max_arguments == kAnyNumber) return "requires at least " + arguments(command.min_arguments);
  if (command.min_arguments == 0) return "requires at most " + arguments(command.max_arguments);
  return "requires at least " + std::to_string(command.min_arguments) + " and at most " +
         arguments(command.max_arguments);
}

// 0, or the exit code after the complaint that the number of arguments is wrong.
int check_arguments(const Invocation& call) {
  const Command& command = call.command;
  const int count = static_cast<int>(call.arguments().size());
  const bool too_many = command.max_arguments != kAnyNumber && count > command.max_arguments;
  if (count >= command.min_arguments && !too_many) return 0;
  complain("vial: 'vial " + call.typed + "' " + count_text(command) + "\n\n" +
           usage_line(command, call.typed) + "\n\nSee 'vial " + call.typed + " --help' for more information");
  return kError;
}

Handler handler_of(const Program& program, const Command& command) {
  if (command.handler != nullptr) return command.handler;
  const std::string name = names_of(command).front();
  for (const auto& entry : program.handlers) {
    if (name == entry.name) return entry.handler;
  }
  return nullptr;
}

int run_command(const Invocation& call, const std::vector<std::string>& words) {
  const Handler handler = handler_of(call.program, call.command);
  if (handler == nullptr) return become_vial_image(call, words);
  const auto code = handler(call);
  if (!code) {
    std::string text = "vial: " + printable_lines(code.error().text());
    if (call.command.error_code == kUsageError)
      text += "\n\nRun 'vial " + call.typed + " --help' for more information";
    complain(text);
    return call.command.error_code;
  }
  if (output_failed()) {
    complain("vial: standard output can't be written");
    return *code == 0 ? kError : *code;
  }
  return *code;
}

// Everything after the global options.
int run_words(const Program& program, const Globals& globals, const std::vector<std::string>& words) {
  const Found found = find_by_words(program, words);
  if (found.group != nullptr) return run_group(program, *found.group, words);
  if (found.command == nullptr) return unknown_command(program, found.typed);
  const std::vector<std::string> rest(words.begin() + static_cast<ptrdiff_t>(found.words), words.end());
  auto options = parse_options(found.command->options, rest, found.command->order);
  if (!options) return usage_error(*found.command, found.typed, options.error());
  const Invocation call = {program, *found.command, found.typed, globals, std::move(*options)};
  if (call.options.help_wanted()) {
    print(command_help(call.command, call.typed, static_cast<size_t>(terminal_width())));
    return 0;
  }
  const int wrong_count = check_arguments(call);
  if (wrong_count != 0) return wrong_count;
  const auto is_exposed = call.command.is_exposed;
  if (is_exposed != nullptr && program.seal != nullptr && is_exposed(call.options))
    program.seal(program.argv);
  return run_command(call, words);
}

int run(const Program& program, int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto options = parse_options(kGlobalTables, words, Order::kOptionsFirst);
  if (!options) {
    complain(options.error().text() +
             "\n\nUsage:  vial [OPTIONS] COMMAND [ARG...]\n\nRun 'vial --help' for more information");
    return kUsageError;
  }
  Globals globals;
  // A monitor goes on in "/": relative ones are the caller's.
  auto root = absolute_path(options->string("root"));
  auto run_root = absolute_path(options->string("run-root"));
  if (!root || !run_root) {
    complain("vial: " + (root ? run_root : root).error().text());
    return kUsageError;
  }
  globals.root = std::move(*root);
  globals.run_root = std::move(*run_root);
  globals.debug = options->flag("debug");
  log_set_debug(globals.debug);
  if (options->flag("version")) {
    print_line("vial version " VIAL_VERSION);
    return 0;
  }
  if (options->help_wanted() || options->arguments().empty()) {
    print(program_help(program, static_cast<size_t>(terminal_width())));
    return 0;
  }
  return run_words(program, globals, options->arguments());
}

}  // namespace

int become_vial_image(const Invocation& call, const std::vector<std::string>& words) {
  const auto line = image_program_line(call.globals, words);
  const int error_number = become_image_program(line);
  complain("vial: can't run " + printable(line.front()) + ": " + errno_text(error_number) +
           "\nIt does 'vial " + call.typed + "' and is installed beside vial; check the installation.");
  return kUsageError;
}

const ProgramTexts kVialTexts = {
    .name = "vial",
    .summary = "a container runtime you can see through",
    .headline = "Containers you can see through: no daemon, every step shown",
    .details =
        "Runs containers without a daemon. A container is a list of steps, each one operation of the "
        "kernel; vial shows that list before, while and after it is done.",
    .options = kGlobalOptions,
    .containers = "ps -a --format '{{.Names}}'",
    .running = "ps --format '{{.Names}}'",
    .images = "images --format '{{.Repository}}:{{.Tag}}'",
};

std::vector<std::string> names_of(const Command& command) {
  std::vector<std::string> names;
  for (const auto& name : split(command.names, ','))
    names.emplace_back(trim(name));
  return names;
}

std::string short_name_of(const Command& command) {
  const auto names = names_of(command);
  for (const auto& name : names) {
    if (name.find(' ') == std::string::npos) return name;
  }
  return names.front();
}

const Command* find_command(const Program& program, std::string_view name) {
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      for (const auto& own : names_of(command)) {
        if (own == name) return &command;
      }
    }
  }
  return nullptr;
}

const Group* find_group(const Program& program, std::string_view name) {
  for (const auto& group : program.groups) {
    if (name == group.name) return &group;
  }
  return nullptr;
}

int run_program(const Program& program, int argc, char** argv) noexcept {
  try {
    return run(program, argc, argv);
  } catch (const std::exception& error) {
    // Ours never throw; a library or the allocator did.
    complain(std::string("vial: internal error: ") + error.what());
    return kUsageError;
  }
}

}  // namespace cli
