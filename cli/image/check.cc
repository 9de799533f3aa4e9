// `system check`: what is wrong with the image store, and what to do.
#include "image/archive/check.h"

#include "base/strings.h"
#include "cli/image/handlers.h"
#include "cli/output.h"

namespace cli {

namespace {

std::string count(size_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

}  // namespace

Result<int> check_images(const Invocation& call) {
  image::CheckOptions options;
  options.deep = call.options.flag("deep");
  options.repair = call.options.flag("repair");
  const image::Store store(call.globals.root);
  const image::CheckReport report = TRY_IN("check", image::check_store(store, options));
  for (const auto& repair : report.repairs)
    print_line("Repaired: " + printable(repair));
  for (const auto& problem : report.problems)
    print_line("Problem: " + printable(problem));
  print_line("Checked " + count(report.images, "image") + ", " + count(report.layers, "layer") + ", " +
             count(report.blobs, "blob") + ": " +
             (report.problems.empty() ? "all is well" : count(report.problems.size(), "problem")));
  return report.problems.empty() ? 0 : 1;
}

}  // namespace cli
