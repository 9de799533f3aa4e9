// vial-oci: the OCI runtime. Static and small; knows no images, no names and no networks.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGPIPE and the POSIX part

#include "cli/oci/call.h"
#include "runtime/seal.h"

int main(int argc, char** argv) {
  runtime::hide_first_process();
  // A reader that goes away is an error, not a death.
  ::signal(SIGPIPE, SIG_IGN);
  // A caller that ignores the ends of its children hands that down, and then nobody can wait for ours,
  // wait(2).
  ::signal(SIGCHLD, SIG_DFL);
  return cli::oci::run_oci(argc, argv);
}
