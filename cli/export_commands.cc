// export: a container's file system as a tar archive, without what is mounted in it.
#include <unistd.h>

#include "cli/registry.h"
#include "cli/store_access.h"

namespace cli {

namespace {

constexpr OptionSpec kExportOptions[] = {
    {'o', "output", OptionKind::kString, "Write to a file, instead of STDOUT"},
};

Result<int> run_export(const Invocation& call) {
  if (!call.options.given("output") && ::isatty(STDOUT_FILENO) != 0)
    return invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect");
  const engine::Container container = TRY(open_store(call).find(call.arguments().front()));
  std::vector<std::string> words = {"image", "pack-directories"};
  if (call.options.given("output")) words.push_back("--output=" + call.options.string("output"));
  words.push_back("../containers/" + container.record.id + "/upper");
  const auto& layers = container.record.image.layer_directories;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    words.push_back(*layer + "/fs");
  return become_vial_image(call, words);
}

constexpr Command kCommands[] = {
    {.names = "container export, export",
     .usage = "[OPTIONS] CONTAINER",
     .summary = "Export a container's filesystem as a tar archive",
     .options = {kExportOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .handler = run_export,
     .examples = "# A container as an image of one layer\nvial export web | vial import - web:flat",
     .completes = Names::kContainers},
};

}  // namespace

const std::span<const Command> kExportCommands = kCommands;

}  // namespace cli
