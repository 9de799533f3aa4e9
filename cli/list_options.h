// Options that all list and inspect commands share.
#pragma once

#include <string>

#include "cli/options.h"

namespace cli {

inline constexpr const char* kListFormatHelp =
    "Format output using a custom template:\n"
    "'table':            Print output in table format with column headers (default)\n"
    "'table TEMPLATE':   Print output in table format using the given Go template\n"
    "'json':             Print in JSON format\n"
    "'TEMPLATE':         Print output using the given Go template";

inline constexpr const char* kFormatHelp =
    "Format output using a custom template:\n"
    "'json':             Print in JSON format\n"
    "'TEMPLATE':         Print output using the given Go template";

// The --format of a list with --quiet: -q wins, with Docker's warning when both are given.
std::string effective_format(const Options& options);

}  // namespace cli
