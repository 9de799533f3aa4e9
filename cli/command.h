// A command as data: its names, table of options, texts and handler. Every program of ours is a list of
// these; vial and vial-image run them by run_program(). Knows no container.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/options.h"

namespace cli {

struct Command;
struct Program;

// The options in front of the command.
struct Globals {
  std::string root = "/var/lib/vial";
  std::string run_root = "/run/vial";
  bool debug = false;
};

// One call of a command: what its handler gets.
struct Invocation {
  const Program& program;
  const Command& command;
  std::string typed;  // the name as typed: "container stop" or "stop"
  Globals globals;
  Options options;

  const std::vector<std::string>& arguments() const { return options.arguments(); }
};

// Does the command; the value is the exit code. An error is printed as "vial: TEXT" and the exit code is the
// command's error_code.
using Handler = Result<int> (*)(const Invocation&);

// What the words after the options name, for shell completion.
enum class Names { kNothing, kContainers, kRunningContainers, kImages, kFiles };

inline constexpr int kAnyNumber = -1;

struct Command {
  const char* names;  // "container ls, container list, container ps, ps": the first is its own, then aliases
  const char* usage;  // "[OPTIONS] IMAGE [COMMAND] [ARG...]"
  const char* summary;  // one line, without a full stop
  std::array<OptionTable, 2> options = {};
  int min_arguments = 0;
  int max_arguments = kAnyNumber;
  Order order = Order::kMixed;
  Handler handler = nullptr;  // nullptr: vial-image does it
  const char* details = "";   // paragraphs, a blank line between two; for --help and the man page
  const char* examples = "";  // lines "# what\nvial ..."; for the same
  Names completes = Names::kNothing;
  int error_code = 1;  // the exit code when the handler returns an error
  // True if processes of a container could look at this program's file before it has become theirs: then
  // Program::seal is called first. nullptr: never.
  bool (*is_exposed)(const Options&) = nullptr;
  bool common = false;  // in the first list of `vial --help`
  bool hidden = false;
};

// For is_exposed of what comes into a running container: those inside may look (CVE-2019-5736).
inline bool always_exposed(const Options& /*options*/) {
  return true;
}

struct Group {
  const char* name;  // "container"
  const char* summary;
};

// Gives a handler to a command of the lists by its first name; for programs that share vial's tables.
struct HandlerOf {
  const char* name;
  Handler handler;
};

// What help, man pages and completion say of a program besides its commands.
struct ProgramTexts {
  const char* name;      // as users type it: "vial" for vial-image, too
  const char* summary;   // one line, for the man page's name
  const char* headline;  // one line, below the usage in --help
  const char* details;   // as a command's
  OptionTable options;   // in front of the command
  // For completion: the words behind the program's name that print the names of containers (all, running) and
  // images, one a line; nullptr: it can't.
  const char* containers;
  const char* running;
  const char* images;
};

extern const ProgramTexts kVialTexts;

struct Program {
  const char* name;  // of the executable: "vial", "vial-image"
  std::span<const std::span<const Command>> commands;
  std::span<const Group> groups;
  std::span<const HandlerOf> handlers;
  // Protects the program's own file from containers (runtime/seal.h); may execute `argv` again. nullptr: no
  // need.
  void (*seal)(char** argv) = nullptr;
  char** argv = nullptr;
  const ProgramTexts* texts = &kVialTexts;
};

// All names of a command, its own first.
std::vector<std::string> names_of(const Command& command);
// The shortest name: "ps" of "container ls, ..., ps". Man pages are called after it: vial-ps.1.
std::string short_name_of(const Command& command);
// The command called `name` ("ps", "container ls"); nullptr if there is none.
const Command* find_command(const Program& program, std::string_view name);
const Group* find_group(const Program& program, std::string_view name);

// Goes on as vial-image (beside this program, or in PATH) with the call's global options and these words.
// Returns only on failure, with an exit code; the error is printed.
int become_vial_image(const Invocation& call, const std::vector<std::string>& words);

// Parses, dispatches, prints errors; the value is the exit code. Never throws.
int run_program(const Program& program, int argc, char** argv) noexcept;

}  // namespace cli
