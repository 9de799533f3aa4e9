#include "cli/list_options.h"

#include "cli/output.h"

namespace cli {

std::string effective_format(const Options& options) {
  std::string format = options.string("format");
  if (!options.flag("quiet")) return format;
  if (!format.empty() && format != "table")
    complain("WARNING: Ignoring custom format, because both --format and --quiet are set.");
  return "{{.ID}}";
}

}  // namespace cli
