// vial: containers, volumes and networks. Static and small; what reads archives or speaks HTTP is vial-image.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGCHLD

#include "cli/command.h"
#include "cli/registry.h"
#include "runtime/seal.h"

int main(int argc, char** argv) {
  runtime::hide_first_process();
  // A caller that ignores the ends of its children hands that down, and then nobody can wait for ours,
  // wait(2).
  ::signal(SIGCHLD, SIG_DFL);
  const cli::Program program = {"vial", cli::all_commands(), cli::all_groups(),
                                {},     runtime::run_sealed, argv};
  return cli::run_program(program, argc, argv);
}
