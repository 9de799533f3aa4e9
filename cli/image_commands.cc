// The tables of the commands that vial-image does (archives, registries, builds): vial prints their help and
// then becomes vial-image, which has the handlers.
#include "cli/registry.h"

namespace cli {

namespace {

constexpr OptionSpec kLoadOptions[] = {
    {'i', "input", OptionKind::kString, "Read from a file or a directory instead of standard input"},
    {'q', "quiet", OptionKind::kFlag, "Suppress the load output"},
    {0, "platform", OptionKind::kString, "Load only the given platform, as os/arch[/variant]"},
    {0, "max-bytes", OptionKind::kSize, "Refuse layers that are larger when unpacked (default 64GiB)"},
    {0, "max-entries", OptionKind::kInt, "Refuse layers with more entries (default 10000000)"},
    {0, "max-ratio", OptionKind::kInt,
     "Refuse layers that unpack to more times their size, beyond the first GiB (default 200)"},
};

constexpr OptionSpec kImportOptions[] = {
    {'c', "change", OptionKind::kList, "Apply a Dockerfile instruction to the created image"},
    {'m', "message", OptionKind::kString, "Set the commit message of the imported image"},
    {0, "platform", OptionKind::kString, "Set the platform of the image, as os/arch[/variant]"},
};

constexpr OptionSpec kOutputOptions[] = {
    {'o', "output", OptionKind::kString, "Write to a file, instead of STDOUT"},
};
constexpr OptionSpec kSaveOptions[] = {
    {0, "platform", OptionKind::kString, "Save only images of this platform, as os/arch[/variant]"},
};

constexpr OptionSpec kCheckOptions[] = {
    {0, "deep", OptionKind::kFlag, "Also hash the packed layers"},
    {0, "repair", OptionKind::kFlag, "Unpack damaged layers again, remove what can't be used"},
};

constexpr Command kCommands[] = {
    {.names = "image load, load",
     .usage = "[OPTIONS]",
     .summary = "Load an image from a tar archive or STDIN",
     .options = {kLoadOptions},
     .max_arguments = 0,
     .examples = "# What docker, podman and skopeo saved\n"
                 "docker save alpine | vial load\nvial load -i alpine.oci.tar"},
    {.names = "image import, import",
     .usage = "[OPTIONS] file|- [REPOSITORY[:TAG]]",
     .summary = "Import the contents from a tarball to create a filesystem image",
     .options = {kImportOptions},
     .min_arguments = 1,
     .max_arguments = 2,
     .examples = "# A root file system made by hand\n"
                 "tar -C rootfs -c . | vial import -c 'CMD [\"sh\"]' - mine:1",
     .completes = Names::kFiles},
    {.names = "image save, save",
     .usage = "[OPTIONS] IMAGE [IMAGE...]",
     .summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
     .options = {kOutputOptions, kSaveOptions},
     .min_arguments = 1,
     .examples = "# To another machine\nvial save alpine | ssh host docker load\n"
                 "# Several images in one file\nvial save -o images.tar alpine busybox:1.36",
     .completes = Names::kImages},
    {.names = "image pack-directories",
     .usage = "[OPTIONS] DIRECTORY [DIRECTORY...]",
     .summary = "Write the merged content of directories below ROOT/layers, top first, as a tar archive",
     .options = {kOutputOptions},
     .min_arguments = 1,
     .hidden = true},
    {.names = "system check",
     .usage = "[OPTIONS]",
     .summary = "Look for missing and damaged parts of images, and say what to do",
     .options = {kCheckOptions},
     .max_arguments = 0,
     .examples = "# After a disk was full or the power failed\nvial system check --deep --repair"},
};

}  // namespace

const std::span<const Command> kImageCommands = kCommands;

}  // namespace cli
