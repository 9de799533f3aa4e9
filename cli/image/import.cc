// `import`: docker's options and output.
#include "image/archive/import.h"

#include <unistd.h>

#include "base/strings.h"
#include "cli/image/background.h"
#include "cli/image/handlers.h"
#include "cli/output.h"

namespace cli {

Result<int> import_image(const Invocation& call) {
  image::ImportRequest request;
  const auto& arguments = call.arguments();
  request.input = arguments.front();
  if (request.input.starts_with("http://") || request.input.starts_with("https://"))
    return unsupported(
        "import does not fetch from the web: download the file first, or pipe it in (import -)");
  if (arguments.size() > 1) {
    request.tag =
        TRY_IN("'" + printable(arguments[1]) + "'", image::Reference::parse_with_default_tag(arguments[1]));
    if (request.tag->digest()) return invalid("cannot import digest reference");
  }
  request.changes = call.options.list("change");
  request.message = call.options.string("message");
  request.platform = TRY(parse_platform(call.options.string("platform")));
  if (request.input == "-" && ::isatty(STDIN_FILENO) != 0)
    return invalid("requested import from stdin, but stdin is empty");
  const image::Store store(call.globals.root);
  const image::Digest id = TRY_IN("import", image::import_tar(store, request));
  settle_in_background(store);
  print_line(id.text());
  return 0;
}

}  // namespace cli
