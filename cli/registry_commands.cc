// The tables of the commands that talk to registries; vial-image does them.
#include "cli/registry.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kPullOptions[] = {
    {'a', "all-tags", kFlag, "Download all tagged images in the repository"},
    {0, "platform", kString, "Pull the image for this platform, as os/arch[/variant]"},
    {'q', "quiet", kFlag, "Suppress verbose output"},
    {0, "disable-content-trust", kFlag, nullptr, nullptr, "true"},
};

constexpr Command kCommands[] = {
    {.names = "image pull, pull",
     .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
     .summary = "Download an image from a registry",
     .options = {kPullOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .examples = "# From Docker Hub, from a registry of your own, by digest\n"
                 "vial pull alpine\nvial pull localhost:5000/team/app:1.2\n"
                 "vial pull alpine@sha256:...",
     .common = true},
};

}  // namespace

const std::span<const Command> kRegistryCommands = kCommands;

}  // namespace cli
