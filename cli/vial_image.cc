// vial-image: what reads or writes archives. vial runs it for `load` and `import`; it works on its own, too.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGPIPE and the POSIX part
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/image/commands.h"

namespace {

constexpr const char* kUsage =
    "Usage: vial-image [--root DIR] COMMAND [OPTIONS]\n\n"
    "Commands:\n"
    "  load      Load images from a tar archive, an OCI directory or standard input\n"
    "  import    Make an image of the contents of a tar archive\n";

int run(int argc, char** argv) {
  std::string root = "/var/lib/vial";
  int next = 1;
  for (; next < argc; ++next) {
    const std::string_view word = argv[next];
    if (word == "--root" && next + 1 < argc) {
      root = argv[++next];
    } else if (word.starts_with("--root=")) {
      root = word.substr(std::string_view("--root=").size());
    } else {
      break;
    }
  }
  if (next == argc) {
    std::fputs(kUsage, stderr);
    return 1;
  }
  const std::string_view command = argv[next];
  if (command == "load") return cli::load_command(root, argc - next, argv + next);
  if (command == "import") return cli::import_command(root, argc - next, argv + next);
  if (command == "--help" || command == "help") return std::fputs(kUsage, stdout), 0;
  std::fprintf(stderr, "vial-image: '%s' is not a vial-image command\n",
               cli::printable_word(argv[next]).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  // Everything below the data root is root's alone, and a reader that goes away is an error, not a death.
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // memory
    std::fprintf(stderr, "vial-image: %s\n", error.what());
    return 1;
  }
}
