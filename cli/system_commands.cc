// info, version and system df.
#include "base/json.h"
#include "cli/list_options.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/system_df.h"
#include "cli/system_facts.h"
#include "cli/template.h"

namespace cli {

namespace {

constexpr OptionSpec kFormatOption[] = {
    {'f', "format", OptionKind::kString, kFormatHelp},
};

constexpr OptionSpec kDfOptions[] = {
    {0, "format", OptionKind::kString, kListFormatHelp},
    {'v', "verbose", OptionKind::kFlag, "Show detailed information on space usage"},
};

// The object by --format; `text` is what is printed without one.
Result<int> print_object(const Invocation& call, const Json& object, const std::string& text) {
  const std::string format = call.options.string("format");
  if (format.empty()) {
    print(text);
  } else if (format == "json") {
    print(safe_for_stdout(dump_json(object) + "\n"));
  } else {
    const Template shape = TRY(Template::parse(format));
    const std::string line = TRY(shape.render(object));
    print(safe_for_stdout(line + "\n"));
  }
  return 0;
}

Result<int> run_info(const Invocation& call) {
  const Json info = TRY(collect_info(call));
  return print_object(call, info, info_text(info));
}

Result<int> run_version(const Invocation& call) {
  const Json version = collect_version();
  return print_object(call, version, version_text(version));
}

constexpr Command kCommands[] = {
    {.names = "system info, info",
     .usage = "[OPTIONS]",
     .summary = "Display system-wide information",
     .options = {kFormatOption},
     .max_arguments = 0,
     .handler = run_info,
     .examples = "# Which hierarchy has the memory controller\nvial info -f '{{.CgroupControllers.memory}}'",
     .common = true},
    {.names = "system df",
     .usage = "[OPTIONS]",
     .summary = "Show disk usage",
     .options = {kDfOptions},
     .max_arguments = 0,
     .handler = run_system_df,
     .examples = "# Which images could go\nvial system df -v"},
    {.names = "version",
     .usage = "[OPTIONS]",
     .summary = "Show the version information",
     .options = {kFormatOption},
     .max_arguments = 0,
     .handler = run_version,
     .examples = "# The number alone\nvial version -f '{{.Server.Version}}'",
     .common = true},
};

}  // namespace

const std::span<const Command> kSystemCommands = kCommands;

}  // namespace cli
