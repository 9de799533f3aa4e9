// Man pages as troff with man(7)'s macros, from the tables.
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

std::string examples_section(std::string_view examples) {
  if (examples.empty()) return "";
  return ".SH EXAMPLES\n.nf\n" + troff(examples) + "\n.fi\n";
}

}  // namespace

std::string command_man_page(const Command& command) {
  std::string page = short_name_of(command);
  for (char& c : page) {
    if (c == ' ') c = '-';
  }
  std::string text = heading("vial-" + page, command.summary) + ".SH SYNOPSIS\n";
  for (const auto& form : split(command.usage, '\n'))
    text += "\\fBvial " + troff(short_name_of(command)) + "\\fR " + troff(form) + "\n.br\n";
  text += ".SH DESCRIPTION\n" + troff(command.summary) + ".\n";
  const auto names = names_of(command);
  if (names.size() > 1) {
    text += ".PP\nOther names: ";
    for (size_t i = 0; i < names.size(); ++i)
      text += (i > 0 ? ", vial " : "vial ") + troff(names[i]);
    text += ".\n";
  }
  const auto options = shown_options(command);
  if (!options.empty()) text += ".SH OPTIONS\n";
  for (const auto* option : options)
    text += option_paragraph(*option);
  return text + examples_section(command.examples) + ".SH SEE ALSO\n.BR vial (1)\n";
}

std::string program_man_page(const Program& program) {
  std::string text = heading("vial", "a container runtime you can see through");
  text += ".SH SYNOPSIS\n\\fBvial\\fR [OPTIONS] COMMAND\n.SH DESCRIPTION\n";
  text +=
      "Runs containers without a daemon. A container is a list of steps, each one operation of the kernel;\n";
  text += "vial shows that list before, while and after it is done.\n.SH OPTIONS\n";
  for (const auto& option : global_options())
    text += option_paragraph(option);
  text += ".SH COMMANDS\n";
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      if (command.hidden) continue;
      text += ".TP\n\\fBvial " + troff(short_name_of(command)) + "\\fR\n" + troff(command.summary) + "\n";
    }
  }
  return text + ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nWhen set and not empty, output has no colours.\n";
}

}  // namespace cli
