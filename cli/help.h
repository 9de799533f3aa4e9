// Texts made from the tables: --help in Docker's layout, man pages, shell completion. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace cli {

// "Usage:  vial stop [OPTIONS] CONTAINER [CONTAINER...]", for the name as typed.
std::string usage_line(const Command& command, std::string_view typed, std::string_view program = "vial");
// What `vial X --help` prints, in `width` columns.
std::string command_help(const Command& command, std::string_view typed, size_t width,
                         std::string_view program = "vial");
// `vial container --help` and `vial --help`, for any program.
std::string group_help(const Program& program, const Group& group, size_t width);
std::string program_help(const Program& program, size_t width);

// The options that --help shows, sorted by name.
std::vector<const OptionSpec*> shown_options(const Command& command);
std::vector<const OptionSpec*> shown_options(const ProgramTexts& texts);  // in front of the command

// vial-run.1 and vial.1 as troff, man(7) macros; `program` as users type it.
std::string command_man_page(const Command& command, std::string_view program = "vial");
std::string program_man_page(const Program& program);

// A completion script for "bash", "zsh" or "fish"; kInvalid for another shell.
Result<std::string> completion_script(const Program& program, std::string_view shell);

// The name in `program` that is nearest to a mistyped one ("container sotp" -> "container stop"); empty if
// none is near.
std::string nearest_command(const Program& program, std::string_view typed);

}  // namespace cli
