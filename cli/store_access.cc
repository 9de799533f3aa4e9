#include "cli/store_access.h"

#include "base/log.h"
#include "base/strings.h"
#include "cli/output.h"

namespace cli {

engine::Store open_store(const Invocation& call) {
  return engine::Store(call.globals.root, call.globals.run_root);
}

engine::Store open_store_to_change(const Invocation& call) {
  engine::Store store = open_store(call);
  const auto recovered = engine::recover(store);
  if (!recovered) log_warn(printable(recovered.error().text()));
  return store;
}

int for_each_argument(const Invocation& call, const Verb& verb, bool quiet) {
  int code = 0;
  for (const auto& ref : call.arguments()) {
    const auto done = verb(ref);
    if (!done) {
      complain_of(done.error());
      code = 1;
    } else if (!quiet) {
      print_line(printable(ref));
    }
  }
  return code;
}

void complain_of(const Error& error) {
  complain("vial: " + printable_lines(error.text()));
}

int report_outcome(const Invocation& call, const engine::Outcome& outcome) {
  for (const auto& warning : outcome.warnings)
    log_warn(printable(warning));
  if (!outcome.failure) return outcome.exit_code;
  std::string text = "vial: " + printable_lines(*outcome.failure);
  if (call.command.error_code == 125) text += "\n\nRun 'vial " + call.typed + " --help' for more information";
  complain(text);
  return outcome.exit_code;
}

}  // namespace cli
