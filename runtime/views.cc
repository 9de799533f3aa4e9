#include "runtime/views.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/strings.h"
#include "runtime/clone_step.h"
#include "runtime/undo.h"

namespace runtime {
namespace {

const char* lane_name(Lane lane) {
  return lane == Lane::kHost ? "host" : "init";
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string number(size_t index, size_t total) {
  const std::string text = std::to_string(index + 1);
  const size_t width = std::to_string(total).size();
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Ids and digests at full length make lines that nobody reads: 64 hex digits become 12 and dots, as far as
// Docker's users look at them.
std::string shortened(const std::string& text) {
  constexpr size_t kFull = 64;
  constexpr size_t kShown = 12;
  std::string result;
  for (size_t begin = 0; begin < text.size();) {
    const auto end_it = std::find_if_not(text.begin() + static_cast<ptrdiff_t>(begin), text.end(), is_hex);
    const auto end = static_cast<size_t>(end_it - text.begin());
    const bool is_id = end - begin == kFull;
    result += is_id ? text.substr(begin, kShown) + "..." : text.substr(begin, end - begin);
    if (end < text.size()) result += text[end];
    begin = end + 1;
  }
  return result;
}

size_t name_width(const Plan& plan) {
  constexpr size_t kWidest = 44;
  size_t width = 0;
  for (const auto& step : plan)
    width = std::max(width, shortened(step->name()).size());
  return std::min(width, kWidest);
}

std::string milliseconds(int64_t ns) {
  std::array<char, 32> buffer = {};
  std::snprintf(buffer.data(), buffer.size(), "%.3f", static_cast<double>(ns) / 1e6);
  return buffer.data();
}

std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

// Every line of `text` behind `prefix`.
std::string indented(const std::string& text, const std::string& prefix) {
  std::string result;
  for (const auto& line : split(text, '\n'))
    result += prefix + line + "\n";
  return result;
}

// What a step calls, a line for each call: "mkdir(...); mkdir(...)" is one text in say().
std::string call_lines(const std::string& calls, const std::string& indent) {
  std::string result;
  size_t begin = 0;
  while (begin < calls.size()) {
    const size_t end = std::min(calls.find("; ", begin), calls.size());
    result += indent + (begin == 0 ? "call    " : "        ") + calls.substr(begin, end - begin) + "\n";
    begin = end + 2;
  }
  return result;
}

std::string times(const StepRecord& record, int64_t start) {
  if (record.begin_ns == 0) return right("not reached", 22);
  const std::string duration = record.end_ns == 0 ? "..." : milliseconds(record.end_ns - record.begin_ns);
  return "+" + right(milliseconds(record.begin_ns - start), 9) + " " + right(duration, 8) + " ms";
}

std::string change(const StepRecord& record) {
  const auto shown = [](const char* text) { return text == nullptr ? std::string() : printable(text); };
  const std::string before = shown(record.before);
  const std::string after = shown(record.after);
  if (before.empty() && after.empty()) return "";
  if (before == after) return before + " (unchanged)";
  return (before.empty() ? "(none)" : before) + " -> " + (after.empty() ? "(none)" : after);
}

std::string undo_trap(const Plan& plan) {
  std::string lines;
  for (const auto& entry : undo_list(plan)) {
    if (entry.kind == "cgroup") lines += "  rmdir " + shell_quote(entry.target) + " 2>/dev/null || :\n";
    if (entry.kind == "directory") lines += "  rm -rf " + shell_quote(entry.target) + "\n";
    if (entry.kind == "file") lines += "  rm -f " + shell_quote(entry.target) + "\n";
  }
  return lines;
}

// Where sh(1) is in a script: which quotes are open, and in which substitutions.
class ShellState {
 public:
  bool is_quoted() const { return open_.back() == '\''; }
  // Takes the character at `i`; how many characters it stands for.
  size_t take(const std::string& script, size_t i) {
    const char c = script[i];
    const char top = open_.back();
    if (c == closing(top)) {
      open_.pop_back();
      return 1;
    }
    if (top == '#' || top == '\'') return 1;
    if (c == '\\') return 2;
    if (c == '$' && script.compare(i + 1, 1, "(") == 0) {
      open_.push_back('(');
      return 2;
    }
    const bool is_word_start = i == 0 || script[i - 1] == '\n' || script[i - 1] == ' ';
    if (c == '"' || (top != '"' && (c == '\'' || (c == '#' && is_word_start)))) open_.push_back(c);
    return 1;
  }

 private:
  // What ends what `opening` began.
  static char closing(char opening) {
    if (opening == '#') return '\n';
    return opening == '(' ? ')' : opening;
  }

  // Innermost last; '#' is a comment, the first one the script itself.
  std::string open_ = std::string(1, '\0');
};

// The script with $ID where a path has the id; in single quotes these end and begin around it.
std::string with_variable(const std::string& script, const std::string& id) {
  if (id.empty()) return script;
  const std::string name = "/" + id;
  std::string result;
  ShellState state;
  for (size_t i = 0; i < script.size();) {
    if (script.compare(i, name.size(), name) == 0) {
      result += state.is_quoted() ? "/'$ID'" : "/$ID";
      i += name.size();
      continue;
    }
    const size_t count = state.take(script, i);
    result += script.substr(i, count);
    i += count;
  }
  return result;
}

constexpr const char* kHead =
    "# The same container, built by hand. Needs root, util-linux, iproute2 and a statically linked busybox.\n"
    "# Only for an image that you trust: where vial resolves every path inside the image by openat2(2), a "
    "shell\n"
    "# follows the image's symbolic links to wherever they lead.\n"
    "set -eu\n"
    "BUSYBOX=$(command -v busybox) PRLIMIT=$(command -v prlimit) SETPRIV_PROGRAM=$(command -v setpriv)\n"
    "# What these need when / is the container's: the loader and the directories of their libraries.\n"
    "LOADER=$(readlink -f \"$(ldd \"$PRLIMIT\" | sed -n 's|^[[:space:]]*\\(/[^ ]*\\) .*|\\1|p')\")\n"
    "LIBRARIES=$(ldd \"$PRLIMIT\" \"$SETPRIV_PROGRAM\" | sed -n 's|.*=> \\(/[^ ]*\\) .*|\\1|p' | xargs "
    "readlink -f |\n"
    "  sed 's|^\\(.*\\)/[^/]*$|.\\1|' | sort -u | paste -sd:)\n"
    "# Each run has an id, and so a cgroup and directories, of its own.\n"
    "ID=$(printf %064d $$)\n"
    "export BUSYBOX PRLIMIT SETPRIV_PROGRAM LOADER LIBRARIES ID\n";

constexpr const char* kLeaveCgroups =
    "  # this shell joined the cgroups for its children; they can only be removed when it has left them\n"
    "  for h in /sys/fs/cgroup/* /sys/fs/cgroup; do\n"
    "    [ ! -e \"$h/cgroup.procs\" ] || echo $$ > \"$h/cgroup.procs\" 2> /dev/null || :\n"
    "  done\n";

constexpr const char* kInitHead =
    "set -eu\nSETPRIV=\n"
    "# Also after pivot_root(2) the host's: found from the working directory.\n"
    "prlimit() { \".$LOADER\" --library-path \"$LIBRARIES\" \".$PRLIMIT\" \"$@\"; }\ncd /\n";

void add_step(std::string& script, const Plan& plan, size_t index) {
  const Step& step = *plan[index];
  script += "# " + std::to_string(index + 1) + "/" + std::to_string(plan.size()) + " " + step.name() + "  [" +
            step.why().man + "]\n";
  script += step.shell() + "\n";
}

}  // namespace

std::string dry_run_text(const Plan& plan) {
  const size_t width = name_width(plan);
  std::string text;
  for (size_t i = 0; i < plan.size(); ++i) {
    const Step& step = *plan[i];
    text += number(i, plan.size()) + "  " + lane_name(step.lane()) + "  " +
            padded(shortened(step.name()), width) + "  " + padded(step.why().man, 24) + "  " +
            printable(shortened(step.say())) + "\n";
  }
  return text;
}

std::string explain_text(const Plan& plan, std::span<const StepRecord> records) {
  int64_t start = 0;
  for (const auto& record : records) {
    if (record.begin_ns != 0 && (start == 0 || record.begin_ns < start)) start = record.begin_ns;
  }
  const size_t width = name_width(plan);
  std::string text;
  for (size_t i = 0; i < plan.size(); ++i) {
    const Step& step = *plan[i];
    const StepRecord record = i < records.size() ? records[i] : StepRecord{};
    text += number(i, plan.size()) + "  " + times(record, start) + "  " + lane_name(step.lane()) + "  " +
            padded(shortened(step.name()), width) + "  " + step.why().man + "\n";
    const std::string indent(number(i, plan.size()).size() + 2, ' ');
    text += call_lines(printable(shortened(step.say())), indent);
    const std::string changed = shortened(change(record));
    if (!changed.empty()) text += indented(changed, indent + "change  ");
    if (record.error_number != 0) text += indented(errno_text(record.error_number), indent + "error   ");
    text += indented(step.why().text, indent + "why     ");
  }
  return text;
}

std::string shell_script(const Plan& plan, const std::string& title, const ShellFiles& files) {
  std::string host;
  std::string init;
  std::string unshare;
  for (size_t i = 0; i < plan.size(); ++i) {
    const auto* clone = dynamic_cast<const CloneStep*>(plan[i].get());
    if (clone != nullptr) {
      unshare = clone->shell();
    } else {
      add_step(plan[i]->shell_lane() == Lane::kHost ? host : init, plan, i);
    }
  }
  const auto own = [&files](const std::string& lines) { return with_variable(lines, files.id); };
  return "#!/bin/sh\n# " + printable(title) + "\n" + kHead + "\n" + own(files.make) + "\nINIT=$(mktemp)\n" +
         "cleanup() {\n  cd /\n" + kLeaveCgroups + own(undo_trap(plan) + files.remove) +
         "  rm -f \"$INIT\"\n}\ntrap cleanup EXIT\n\n" + own(host) + "\ncat > \"$INIT\" <<'VIAL_INIT'\n" +
         kInitHead + own(init) + "VIAL_INIT\n\n" + unshare + " sh \"$INIT\"\n";
}

}  // namespace runtime
