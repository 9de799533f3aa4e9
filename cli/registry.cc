#include "cli/registry.h"

namespace cli {

namespace {

constexpr Group kGroups[] = {
    {"container", "Manage containers"},
    {"image", "Manage images"},
    {"manifest", "Look at image manifests in registries"},
    {"system", "Manage vial"},
};

}  // namespace

std::span<const std::span<const Command>> all_commands() {
  static const std::span<const Command> families[] = {
      kRunCommands,   kLifeCommands,   kExecCommands,  kListCommands,     kInspectCommands,
      kStoreCommands, kSystemCommands, kImageCommands, kRegistryCommands, kTagCommands,
      kPruneCommands, kExportCommands, kHelpCommands};
  return families;
}

std::span<const Group> all_groups() {
  return kGroups;
}

}  // namespace cli
