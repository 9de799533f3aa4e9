// vial-image: what reads or writes archives. `vial` becomes this program for its commands; it works on its
// own, too.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGPIPE and the POSIX part
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/image/handlers.h"
#include "cli/registry.h"  // kImageCommands and kRegistryCommands only: all commands would link the engine in

namespace {

constexpr cli::Group kGroups[] = {{"image", "Manage images"},
                                  {"manifest", "Look at image manifests in registries"}};

}  // namespace

int main(int argc, char** argv) {
  // Everything below the data root is root's alone; a reader that goes away is an error, not a death.
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  const std::span<const cli::Command> families[] = {cli::kImageCommands, cli::kRegistryCommands};
  const cli::Program program = {"vial-image", families, kGroups, cli::image_handlers()};
  return cli::run_program(program, argc, argv);
}
