// The tables of the commands that talk to registries; vial-image does them.
#include "cli/listing.h"
#include "cli/registry.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kPullOptions[] = {
    {'a', "all-tags", kFlag, "Download all tagged images in the repository"},
    {0, "platform", kString, "Pull the image for this platform, as os/arch[/variant]"},
    {'q', "quiet", kFlag, "Suppress verbose output"},
    {0, "disable-content-trust", kFlag, nullptr, nullptr, "true"},
    {0, "for-run", kFlag, nullptr},  // by run and create: the name at the end is not printed
};

constexpr OptionSpec kPushOptions[] = {
    {'a', "all-tags", kFlag, "Push all tags of an image to the repository"},
    {0, "platform", kString, "Push only an image of this platform, as os/arch[/variant]"},
    {'q', "quiet", kFlag, "Suppress verbose output"},
    {0, "disable-content-trust", kFlag, nullptr, nullptr, "true"},
};

constexpr OptionSpec kSearchOptions[] = {
    {'f', "filter", kList, "Filter output based on conditions provided (stars=, is-official=)", "filter",
     nullptr, nullptr, check_filter},
    {0, "format", kString, "Pretty-print search using a Go template"},
    {0, "limit", kInt, "Max number of search results, 1 to 100 (default 25)"},
    {0, "no-trunc", kFlag, "Don't truncate output"},
};

constexpr OptionSpec kLoginOptions[] = {
    {'p', "password", kString, "Password"},
    {0, "password-stdin", kFlag, "Take the password from stdin"},
    {'u', "username", kString, "Username"},
};

constexpr OptionSpec kManifestOptions[] = {
    {0, "insecure", kFlag, "Allow communication with an insecure registry"},
    {'v', "verbose", kFlag, "Output additional info including layers and platform"},
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
    {.names = "image push, push",
     .usage = "[OPTIONS] NAME[:TAG]",
     .summary = "Upload an image to a registry",
     .options = {kPushOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .examples = "# The registry is the first part of the name\n"
                 "vial tag app localhost:5000/team/app:1.2\nvial push localhost:5000/team/app:1.2",
     .completes = Names::kImages,
     .common = true},
    {.names = "search",
     .usage = "[OPTIONS] TERM",
     .summary = "Search Docker Hub, or a registry of your own, for images",
     .options = {kSearchOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .examples = "# On Docker Hub; in the catalog of a registry\n"
                 "vial search --filter is-official=true nginx\nvial search localhost:5000/app"},
    {.names = "login",
     .usage = "[OPTIONS] [SERVER]",
     .summary = "Authenticate to a registry",
     .options = {kLoginOptions},
     .max_arguments = 1,
     .examples = "# Docker Hub; a registry of your own, with the password from a file\n"
                 "vial login\nvial login -u me --password-stdin localhost:5000 < password"},
    {.names = "logout",
     .usage = "[SERVER]",
     .summary = "Log out from a registry",
     .max_arguments = 1,
     .examples = "vial logout localhost:5000"},
    {.names = "manifest inspect",
     .usage = "[OPTIONS] MANIFEST",
     .summary = "Display an image manifest, or manifest list, of a registry",
     .options = {kManifestOptions},
     .min_arguments = 1,
     .max_arguments = 1,
     .examples = "# For which platforms is it?\nvial manifest inspect alpine"},
};

}  // namespace

const std::span<const Command> kRegistryCommands = kCommands;

}  // namespace cli
