#include "cli/help.h"

#include <algorithm>
#include <functional>

#include "base/strings.h"
#include "cli/output.h"

namespace cli {

namespace {

// "  -m, --memory bytes" -> the left column of an option.
std::string left_column(const OptionSpec& option) {
  std::string text = option.short_name == 0 ? "      " : std::string("  -") + option.short_name + ", ";
  text += std::string("--") + option.name;
  const std::string value = value_name(option);
  return value.empty() ? text : text + " " + value;
}

std::string right_column(const OptionSpec& option) {
  std::string text = option.help;
  if (option.default_value == nullptr) return text;
  const bool quoted = option.kind == OptionKind::kString;
  return text + " (default " + (quoted ? "\"" : "") + option.default_value + (quoted ? "\"" : "") + ")";
}

std::string option_lines(const std::vector<const OptionSpec*>& options, size_t width) {
  size_t column = 0;
  for (const auto* option : options)
    column = std::max(column, left_column(*option).size() + 3);
  const size_t rest = width > column + 20 ? width - column : 20;
  std::string text;
  for (const auto* option : options) {
    std::string left = left_column(*option);
    left.resize(column, ' ');
    text += left + wrap(right_column(*option), rest, column) + "\n";
  }
  return text;
}

using Row = std::pair<std::string, std::string>;

std::string rows_text(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  size_t column = 0;
  for (const auto& [name, summary] : rows)
    column = std::max(column, name.size());
  std::string text;
  for (auto& [name, summary] : rows) {
    name.resize(column, ' ');
    text += "  " + name + "   " + summary + "\n";
  }
  return text;
}

// Lines of examples, indented, blank line between them as written.
std::string example_lines(std::string_view examples) {
  std::string text;
  for (const auto& line : split(examples, '\n'))
    text += line.empty() ? "\n" : "  " + line + "\n";
  return text;
}

void each_command(const Program& program, const std::function<void(const Command&)>& visit) {
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      if (!command.hidden) visit(command);
    }
  }
}

}  // namespace

std::vector<const OptionSpec*> shown_options(const Command& command) {
  std::vector<const OptionSpec*> options;
  for (const auto table : command.options) {
    for (const auto& option : table) {
      if (option.help != nullptr) options.push_back(&option);
    }
  }
  std::sort(options.begin(), options.end(),
            [](const auto* a, const auto* b) { return std::string_view(a->name) < b->name; });
  return options;
}

std::vector<const OptionSpec*> shown_options(const ProgramTexts& texts) {
  const Command globals = {.names = "", .usage = "", .summary = "", .options = {texts.options}};
  return shown_options(globals);
}

std::string usage_line(const Command& command, std::string_view typed, std::string_view program) {
  std::string text = "Usage:  ";
  const auto forms = split(command.usage, '\n');
  for (size_t i = 0; i < forms.size(); ++i)
    text += (i > 0 ? "\n        " : "") + std::string(program) + " " + std::string(typed) +
            (forms[i].empty() ? "" : " ") + forms[i];
  return text;
}

std::string command_help(const Command& command, std::string_view typed, size_t width,
                         std::string_view program) {
  std::string text = usage_line(command, typed, program) + "\n\n" + wrap(command.summary, width, 0) + "\n";
  const auto names = names_of(command);
  if (names.size() > 1) {
    text += "\nAliases:\n  ";
    for (size_t i = 0; i < names.size(); ++i)
      text += (i > 0 ? ", " : "") + std::string(program) + " " + names[i];
    text += "\n";
  }
  const auto options = shown_options(command);
  if (!options.empty()) text += "\nOptions:\n" + option_lines(options, width);
  if (command.details[0] != '\0') text += "\n" + wrap(command.details, width, 0) + "\n";
  if (command.examples[0] != '\0') text += "\nExamples:\n" + example_lines(command.examples);
  return text;
}

std::string group_help(const Program& program, const Group& group, size_t width) {
  const std::string prefix = std::string(group.name) + " ";
  std::vector<Row> rows;
  each_command(program, [&](const Command& command) {
    const std::string name = names_of(command).front();
    if (name.starts_with(prefix)) rows.emplace_back(name.substr(prefix.size()), command.summary);
  });
  const std::string name = std::string(program.texts->name) + " " + group.name;
  return "Usage:  " + name + " COMMAND\n\n" + wrap(group.summary, width, 0) + "\n\nCommands:\n" +
         rows_text(std::move(rows)) + "\nRun '" + name +
         " COMMAND --help' for more information on a command.\n";
}

std::string program_help(const Program& program, size_t width) {
  std::vector<Row> common;
  std::vector<Row> others;
  std::vector<Row> groups;
  for (const auto& group : program.groups)
    groups.emplace_back(group.name, group.summary);
  each_command(program, [&](const Command& command) {
    const std::string name = short_name_of(command);
    if (name.find(' ') != std::string::npos) return;
    (command.common ? common : others).emplace_back(name, command.summary);
  });
  const ProgramTexts& texts = *program.texts;
  const auto options = shown_options(texts);
  const std::string name = texts.name;
  std::string text = "Usage:  " + name + " [OPTIONS] COMMAND\n\n" + wrap(texts.headline, width, 0) + "\n";
  if (!common.empty()) text += "\nCommon Commands:\n" + rows_text(std::move(common));
  if (!groups.empty()) text += "\nManagement Commands:\n" + rows_text(std::move(groups));
  return text + "\nCommands:\n" + rows_text(std::move(others)) + "\nGlobal Options:\n" +
         option_lines(options, width) + "\nRun '" + name +
         " COMMAND --help' for more information on a command.\n";
}

}  // namespace cli
