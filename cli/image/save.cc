// `save`: docker's options and texts.
#include "image/archive/save.h"

#include <unistd.h>

#include "cli/image/handlers.h"
#include "cli/image/output_file.h"

namespace cli {

Result<int> save_images(const Invocation& call) {
  const image::Store store(call.globals.root);
  const std::string platform = call.options.string("platform");
  if (call.options.given("output")) {
    TRY(write_output_file(call.options.string("output"),
                          [&](int fd) { return image::save(store, call.arguments(), fd, platform); }));
    return 0;
  }
  if (::isatty(STDOUT_FILENO) != 0)
    return invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect");
  TRY(image::save(store, call.arguments(), STDOUT_FILENO, platform));
  return 0;
}

}  // namespace cli
