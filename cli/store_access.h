// What handlers of container commands share: the store behind the global options, and Docker's way of going
// through several arguments.
#pragma once

#include <functional>
#include <string>

#include "cli/command.h"
#include "engine/operations.h"
#include "engine/store.h"

namespace cli {

// For commands that only look.
engine::Store open_store(const Invocation& call);
// For commands that change something: what dead commands left is undone first; a failure to do so is a
// warning.
engine::Store open_store_to_change(const Invocation& call);

// Calls `verb` for each argument and prints the argument when it succeeded (unless `quiet`), the error
// otherwise; all are tried. The value is the exit code: 1 if any failed.
using Verb = std::function<Result<void>(const std::string& ref)>;
int for_each_argument(const Invocation& call, const Verb& verb, bool quiet = false);

// "vial: TEXT" on standard error.
void complain_of(const Error& error);

// Prints an outcome's warnings and failure; its exit code.
int report_outcome(const Invocation& call, const engine::Outcome& outcome);

}  // namespace cli
