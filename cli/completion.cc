// Completion scripts for bash, zsh and fish. They hold the tables as text; names of containers and images are
// asked from vial itself while completing.
#include <algorithm>

#include "base/strings.h"
#include "cli/help.h"

namespace cli {

namespace {

struct Entry {
  const Command* command;
  std::string name;
};

std::vector<Entry> entries_of(const Program& program) {
  std::vector<Entry> entries;
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      if (command.hidden) continue;
      for (const auto& name : names_of(command))
        entries.push_back({&command, name});
    }
  }
  return entries;
}

// The words that may follow `prefix` ("" or "container ").
std::string next_words(const Program& program, const std::string& prefix) {
  std::vector<std::string> words;
  for (const auto& entry : entries_of(program)) {
    if (!entry.name.starts_with(prefix)) continue;
    const std::string rest = entry.name.substr(prefix.size());
    if (rest.find(' ') == std::string::npos) words.push_back(rest);
  }
  if (prefix.empty()) {
    for (const auto& group : program.groups)
      words.emplace_back(group.name);
  }
  return join(words, " ");
}

// The words that print what can be named; empty when nothing does.
std::string names_words(const Program& program, Names names) {
  const ProgramTexts& texts = *program.texts;
  const char* words = nullptr;
  if (names == Names::kContainers) words = texts.containers;
  if (names == Names::kRunningContainers) words = texts.running;
  if (names == Names::kImages) words = texts.images;
  return words == nullptr ? "" : words;
}

// The same as a command; `globals` is what stands between the program and its words.
std::string names_command(const Program& program, Names names, const std::string& globals = "") {
  const std::string words = names_words(program, names);
  return words.empty() ? "" : std::string(program.texts->name) + globals + " " + words;
}

// "vial_oci" of vial-oci: what functions of shells are called after.
std::string function_name(const Program& program) {
  std::string name = program.texts->name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string global_words(const Program& program) {
  std::string words;
  for (const auto* option : shown_options(*program.texts))
    words += std::string(" --") + option->name;
  return words + " --help";
}

// "--root | --run-root": what takes the next word with it.
std::string valued_globals(const Program& program) {
  std::string names;
  for (const auto& option : program.texts->options) {
    if (option.kind != OptionKind::kFlag)
      names += (names.empty() ? "--" : " | --") + std::string(option.name);
  }
  return names;
}

std::string option_words(const Command& command) {
  std::string words = "--help";
  for (const auto* option : shown_options(command)) {
    words += std::string(" --") + option->name;
    if (option->short_name != 0) words += std::string(" -") + option->short_name;
  }
  return words;
}

// FUNCTION, PROGRAM and VALUED are put in.
constexpr const char* kBashFunction = R"(_FUNCTION() {
  local current=${COMP_WORDS[COMP_CWORD]} name="" words="" names="" i
  local globals=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      VALUED)
        globals+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
        ((i++))
        ;;
      -*) ;;
      *)
        name=${COMP_WORDS[i]}
        if _FUNCTION_is_group "$name" && ((i + 1 < COMP_CWORD)); then name+=" ${COMP_WORDS[i + 1]}"; fi
        break
        ;;
    esac
  done
  _FUNCTION_words "$name"
  if [[ $current != -* && -n $names ]]; then words=$(eval "$names" 2>/dev/null); fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _FUNCTION PROGRAM
)";

std::string bash_script(const Program& program) {
  const std::string function = function_name(program);
  std::string groups;
  std::string text = std::string("# bash completion of ") + program.texts->name + "\n_" + function +
                     "_words() {\n  case $1 in\n    \"\") words=" +
                     shell_quote(next_words(program, "") + global_words(program)) + " ;;\n";
  for (const auto& group : program.groups) {
    groups += (groups.empty() ? "" : " | ") + std::string(group.name);
    text += std::string("    ") + group.name +
            ") words=" + shell_quote(next_words(program, std::string(group.name) + " ")) + " ;;\n";
  }
  for (const auto& entry : entries_of(program)) {
    const std::string names = names_command(program, entry.command->completes, " \"${globals[@]}\"");
    text += "    " + shell_quote(entry.name) + ")\n      words=" + shell_quote(option_words(*entry.command)) +
            "\n      names=" + shell_quote(names) + "\n      ;;\n";
  }
  text += "    *) words='' ;;\n  esac\n}\n_" + function + "_is_group() {\n";
  text += groups.empty() ? "  return 1\n}\n"
                         : "  case $1 in\n    " + groups + ") return 0 ;;\n    *) return 1 ;;\n  esac\n}\n";
  text += replace_all(kBashFunction, "FUNCTION", function);
  return replace_all(replace_all(std::move(text), "PROGRAM", program.texts->name), "VALUED",
                     valued_globals(program));
}

// A zsh description stands in brackets inside single quotes: '--rm[Remove it when it exits]'.
std::string zsh_text(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, text.find('\n'))) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string zsh_option(const OptionSpec& option) {
  const std::string value = value_name(option);
  const std::string tail =
      "[" + zsh_text(option.help) + "]" + (value.empty() ? "" : ":" + zsh_text(value) + ":");
  const std::string star = option.kind == OptionKind::kList ? "*" : "";
  std::string text = " " + shell_quote(star + "--" + option.name + (value.empty() ? "" : "=") + tail);
  if (option.short_name != 0)
    text +=
        " " + shell_quote(star + "-" + std::string(1, option.short_name) + (value.empty() ? "" : "+") + tail);
  return text;
}

std::string zsh_script(const Program& program) {
  const std::string name = program.texts->name;
  const std::string function = function_name(program);
  std::string text = "#compdef " + name + "\n# zsh completion of " + name + "\n_" + function +
                     "() {\n  local -a names\n  local skip=1\n"
                     "  if (( CURRENT == 2 )); then\n    compadd -- " +
                     next_words(program, "") +
                     "\n    return\n  fi\n"
                     "  local name=$words[2]\n  case $name in\n";
  for (const auto& group : program.groups) {
    text += std::string("    ") + group.name + ")\n      if (( CURRENT == 3 )); then\n        compadd -- " +
            next_words(program, std::string(group.name) + " ") +
            "\n        return\n      fi\n      name+=\" $words[3]\"\n      skip=2\n      ;;\n";
  }
  text += "  esac\n  shift $skip words\n  (( CURRENT -= skip ))\n  case $name in\n";
  for (const auto& entry : entries_of(program)) {
    text += "    " + shell_quote(entry.name) + ")\n";
    const std::string names = names_command(program, entry.command->completes);
    if (!names.empty()) text += "      names=(${(f)\"$(" + names + " 2>/dev/null)\"})\n";
    text += "      _arguments -s";
    for (const auto* option : shown_options(*entry.command))
      text += zsh_option(*option);
    text += names.empty() ? " '*:file:_files'" : " '*:name:compadd -a names'";
    text += "\n      ;;\n";
  }
  return text + "  esac\n}\n_" + function + " \"$@\"\n";
}

std::string fish_script(const Program& program) {
  const std::string name = program.texts->name;
  const std::string function = "__" + function_name(program);
  const std::string complete = "complete -c " + name;
  std::string text = "# fish completion of " + name + "\nfunction " + function +
                     "_command\n"
                     "  set -l words (commandline -opc)\n  set -e words[1]\n"
                     "  set -l name (string match -v -- '-*' $words)\n"
                     "  test \"$name[1..2]\" = \"$argv[1]\"; or test \"$name[1]\" = \"$argv[1]\"\nend\n"
                     "function " +
                     function + "_first\n  test (count (commandline -opc)) -eq 1\nend\n";
  const std::string first = " -f -n " + function + "_first -a ";
  text += complete + first + shell_quote(next_words(program, "")) + "\n";
  for (const auto& group : program.groups) {
    text += complete + " -f -n 'test (count (commandline -opc)) -eq 2; and " + function + "_command " +
            std::string(group.name) + "' -a " +
            shell_quote(next_words(program, std::string(group.name) + " ")) + "\n";
  }
  for (const auto& entry : entries_of(program)) {
    const std::string when =
        complete + " -n " + shell_quote(function + "_command " + shell_quote(entry.name));
    const std::string names = names_command(program, entry.command->completes);
    if (!names.empty()) text += when + " -f -a " + shell_quote("(" + names + " 2>/dev/null)") + "\n";
    for (const auto* option : shown_options(*entry.command)) {
      text += when + " -l " + option->name;
      if (option->short_name != 0) text += std::string(" -s ") + option->short_name;
      if (option->kind != OptionKind::kFlag) text += " -r";
      text += " -d " + shell_quote(split(option->help, '\n').front()) + "\n";
    }
  }
  return text;
}

}  // namespace

Result<std::string> completion_script(const Program& program, std::string_view shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  return invalid("no completion for \"" + printable(shell) + "\": bash, zsh and fish are known");
}

}  // namespace cli
