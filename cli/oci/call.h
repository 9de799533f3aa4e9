// vial-oci: the OCI runtime's command line. Commands are tables as vial's are (cli/command.h); what differs
// is the words in front of the command, and that errors go to a log file that the caller reads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/oci/error_log.h"
#include "runtime/create.h"

namespace cli::oci {

// What stands in front of the command.
struct OciGlobals {
  std::string root = runtime::kDefaultStateRoot;
  runtime::CgroupManager cgroup_manager = runtime::CgroupManager::kFiles;
};

struct Call {
  const OciGlobals& globals;
  const Options& options;
  ErrorLog& log;
  char** argv;  // of the program, to run it again sealed

  const std::vector<std::string>& arguments() const { return options.arguments(); }
  // The first argument: the container.
  const std::string& id() const { return options.arguments().front(); }
};

// --preserve-fds: how many descriptors above 2 go along. kInvalid unless that is 0 to 1024.
Result<unsigned> preserved_descriptors(const Options& options);

// The value is the exit code.
using OciHandler = Result<int> (*)(const Call&);

// A command with its handler, and what stands in front of its errors, as callers know it from runc.
struct OciCommand {
  Command command;  // its handler is not used
  OciHandler handler;
  const char* error_prefix = "";
};

extern const std::span<const OciCommand> kOciLifeCommands;   // cli/oci/life_commands.cc
extern const std::span<const OciCommand> kOciExecCommands;   // cli/oci/exec_command.cc
extern const std::span<const OciCommand> kOciStateCommands;  // cli/oci/state_commands.cc
extern const std::span<const OciCommand> kOciLimitCommands;  // cli/oci/limit_commands.cc
extern const std::span<const OciCommand> kOciHostCommands;   // cli/oci/host_commands.cc
extern const std::span<const OciCommand> kOciHelpCommands;   // cli/oci/help_commands.cc

std::span<const std::span<const OciCommand>> all_oci_commands();
// The command called `name`; nullptr if there is none.
const OciCommand* find_oci_command(std::string_view name);
OptionTable oci_global_options();
// `vial-oci --help`, in `width` columns.
std::string oci_help(size_t width);

// Parses, dispatches, prints and logs errors; the value is the exit code. Never throws.
int run_oci(int argc, char** argv) noexcept;

}  // namespace cli::oci
