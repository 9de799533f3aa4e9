// vial: containers, volumes and networks. Static and small; what reads archives or speaks HTTP is vial-image.
#include "cli/command.h"
#include "cli/registry.h"
#include "runtime/seal.h"

int main(int argc, char** argv) {
  runtime::hide_first_process();
  const cli::Program program = {"vial", cli::all_commands(), cli::all_groups(),
                                {},     runtime::run_sealed, argv};
  return cli::run_program(program, argc, argv);
}
