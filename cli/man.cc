// Man pages as troff with man(7)'s macros, from the tables.
#include <algorithm>

#include "base/strings.h"
#include "cli/help.h"

namespace cli {

namespace {

// Text for a troff line: backslash and hyphen are troff's, and no line may begin with '.' or '\''.
std::string troff(std::string_view text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) result += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string heading(const std::string& page, const std::string& summary) {
  return ".TH \"" + troff(to_upper(page)) + "\" \"1\" \"\" \"vial " VIAL_VERSION "\" \"vial\"\n.SH NAME\n" +
         troff(page) + " \\- " + troff(summary) + "\n";
}

std::string option_paragraph(const OptionSpec& option) {
  std::string text = ".TP\n\\fB" + troff(spelled(option)) + "\\fR";
  const std::string value = value_name(option);
  if (!value.empty()) text += " \\fI" + troff(value) + "\\fR";
  text += "\n" + troff(option.help);
  if (option.default_value != nullptr) text += " (default " + troff(option.default_value) + ")";
  return text + "\n";
}

std::string paragraphs(std::string_view details) {
  std::string text;
  for (size_t from = 0; from < details.size();) {
    const size_t end = std::min(details.find("\n\n", from), details.size());
    text += ".PP\n" + troff(details.substr(from, end - from)) + "\n";
    from = end + 2;
  }
  return text;
}

std::string examples_section(std::string_view examples) {
  if (examples.empty()) return "";
  return ".SH EXAMPLES\n.nf\n" + troff(examples) + "\n.fi\n";
}

}  // namespace

std::string command_man_page(const Command& command, std::string_view program) {
  const std::string name = troff(program);
  std::string page = std::string(program) + "-" + short_name_of(command);
  for (char& c : page) {
    if (c == ' ') c = '-';
  }
  std::string text = heading(page, command.summary) + ".SH SYNOPSIS\n";
  for (const auto& form : split(command.usage, '\n'))
    text += "\\fB" + name + " " + troff(short_name_of(command)) + "\\fR " + troff(form) + "\n.br\n";
  text += ".SH DESCRIPTION\n" + troff(command.summary) + ".\n" + paragraphs(command.details);
  const auto names = names_of(command);
  if (names.size() > 1) {
    text += ".PP\nOther names: ";
    for (size_t i = 0; i < names.size(); ++i)
      text += (i > 0 ? ", " : "") + name + " " + troff(names[i]);
    text += ".\n";
  }
  const auto options = shown_options(command);
  if (!options.empty()) text += ".SH OPTIONS\n";
  for (const auto* option : options)
    text += option_paragraph(*option);
  return text + examples_section(command.examples) + ".SH SEE ALSO\n.BR " + name + " (1)\n";
}

std::string program_man_page(const Program& program) {
  const ProgramTexts& texts = *program.texts;
  const std::string name = troff(texts.name);
  std::string text = heading(texts.name, texts.summary);
  text +=
      ".SH SYNOPSIS\n\\fB" + name + "\\fR [OPTIONS] COMMAND\n.SH DESCRIPTION\n" + paragraphs(texts.details);
  text += ".SH OPTIONS\n";
  for (const auto* option : shown_options(texts))
    text += option_paragraph(*option);
  text += ".SH COMMANDS\n";
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      if (command.hidden) continue;
      const std::string typed = name + " " + troff(short_name_of(command));
      text += ".TP\n\\fB" + typed + "\\fR\n" + troff(command.summary) + "\n";
    }
  }
  return text + ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nWhen set and not empty, output has no colours.\n";
}

}  // namespace cli
