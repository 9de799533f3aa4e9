// The part of `export` that writes the archive: `vial export` finds the container's directories and becomes
// this.
#include "image/archive/pack.h"

#include <unistd.h>

#include "cli/image/handlers.h"
#include "cli/image/output_file.h"

namespace cli {

Result<int> pack_directories(const Invocation& call) {
  const auto pack = [&](int fd) -> Result<void> {
    const Fd root = TRY(image::mount_merged(call.globals.root + "/layers", call.arguments()));
    return image::pack_tree(root.get(), fd);
  };
  if (call.options.given("output")) {
    TRY(write_output_file(call.options.string("output"), pack));
  } else {
    TRY(pack(STDOUT_FILENO));
  }
  return 0;
}

}  // namespace cli
