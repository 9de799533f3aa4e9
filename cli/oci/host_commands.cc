// spec, features, checkpoint, restore: what needs no container.
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cgroups/layout.h"
#include "cli/oci/call.h"
#include "cli/oci/default_spec.h"
#include "cli/oci/features.h"
#include "cli/output.h"
#include "runtime/spec.h"

namespace cli::oci {

namespace {

constexpr OptionSpec kSpecOptions[] = {
    {'b', "bundle", OptionKind::kString, "Directory to write config.json to", "directory", "."},
    {0, "rootless", OptionKind::kFlag, "With a user namespace in which the caller is root"},
};

// What callers say to runc's checkpoint and restore: understood, so that the answer is ours.
constexpr OptionSpec kCheckpointOptions[] = {
    {0, "image-path", OptionKind::kString},       {0, "work-path", OptionKind::kString},
    {0, "parent-path", OptionKind::kString},      {0, "leave-running", OptionKind::kFlag},
    {0, "tcp-established", OptionKind::kFlag},    {0, "tcp-close", OptionKind::kFlag},
    {0, "tcp-skip-in-flight", OptionKind::kFlag}, {0, "link-remap", OptionKind::kFlag},
    {0, "ext-unix-sk", OptionKind::kFlag},        {0, "shell-job", OptionKind::kFlag},
    {0, "lazy-pages", OptionKind::kFlag},         {0, "status-fd", OptionKind::kString},
    {0, "page-server", OptionKind::kString},      {0, "file-locks", OptionKind::kFlag},
    {0, "pre-dump", OptionKind::kFlag},           {0, "manage-cgroups-mode", OptionKind::kString},
    {0, "empty-ns", OptionKind::kList},           {0, "auto-dedup", OptionKind::kFlag},
    {'b', "bundle", OptionKind::kString},         {'d', "detach", OptionKind::kFlag},
    {0, "pid-file", OptionKind::kString},         {0, "console-socket", OptionKind::kString},
    {0, "no-subreaper", OptionKind::kFlag},       {0, "no-pivot", OptionKind::kFlag},
    {0, "lsm-profile", OptionKind::kString},      {0, "lsm-mount-context", OptionKind::kString},
};

constexpr const char* kCheckpointDetails =
    "vial-oci does not use CRIU. The options of other runtimes are understood, and the answer is an error.";

Result<int> run_spec(const Call& call) {
  constexpr mode_t kReadable = 0644;
  constexpr int kIndent = 4;
  const bool rootless = call.options.flag("rootless");
  const auto layout = TRY(cgroups::read_layout());
  const runtime::Spec spec = default_spec({rootless, layout.is_pure_v2(), ::geteuid(), ::getegid()});
  const std::string path = call.options.string("bundle") + "/config.json";
  auto made = create_file(path, dump_json(runtime::write_spec(spec), kIndent) + "\n", kReadable);
  if (!made && made.error().kind() == ErrorKind::kConflict)
    return conflict("File config.json exists. Remove it first");
  TRY(std::move(made));
  return 0;
}

Result<int> run_features(const Call& /*call*/) {
  constexpr int kIndent = 4;
  print_line(dump_json(features_json(), kIndent));
  return 0;
}

Result<int> run_checkpoint(const Call& /*call*/) {
  return unsupported("checkpoint and restore are not supported: vial-oci does not use CRIU");
}

constexpr OciCommand kCommands[] = {
    {{.names = "spec",
      .usage = "[OPTIONS]",
      .summary = "Write a config.json that runs sh in the root file system rootfs",
      .options = {kSpecOptions},
      .max_arguments = 0,
      .details = "The file is not overwritten. With --rootless the container has a user namespace with one "
                 "user in it.",
      .examples = "mkdir -p bundle/rootfs\nvial-oci spec --bundle bundle"},
     run_spec},
    {{.names = "features",
      .usage = "",
      .summary = "Print what this runtime supports, as JSON",
      .max_arguments = 0,
      .details = "The features structure of the OCI runtime specification: hooks, mount options, namespaces, "
                 "capabilities, cgroup and seccomp support."},
     run_features},
    {{.names = "checkpoint",
      .usage = "ID",
      .summary = "Not supported: says so",
      .options = {kCheckpointOptions},
      .min_arguments = 1,
      .details = kCheckpointDetails},
     run_checkpoint},
    {{.names = "restore",
      .usage = "ID",
      .summary = "Not supported: says so",
      .options = {kCheckpointOptions},
      .min_arguments = 1,
      .details = kCheckpointDetails},
     run_checkpoint},
};

}  // namespace

const std::span<const OciCommand> kOciHostCommands = kCommands;

}  // namespace cli::oci
