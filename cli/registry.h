// The one list of all commands, and the groups of their management forms. A family's table is in its own
// file.
#pragma once

#include <span>

#include "cli/command.h"

namespace cli {

extern const std::span<const Command> kRunCommands;       // cli/run_commands.cc
extern const std::span<const Command> kLifeCommands;      // cli/life_commands.cc
extern const std::span<const Command> kExecCommands;      // cli/exec_commands.cc
extern const std::span<const Command> kListCommands;      // cli/list_commands.cc
extern const std::span<const Command> kInspectCommands;   // cli/inspect_commands.cc
extern const std::span<const Command> kStoreCommands;     // cli/store_commands.cc
extern const std::span<const Command> kSystemCommands;    // cli/system_commands.cc
extern const std::span<const Command> kImageCommands;     // cli/image_commands.cc: done by vial-image
extern const std::span<const Command> kTagCommands;       // cli/tag_commands.cc
extern const std::span<const Command> kPruneCommands;     // cli/prune_commands.cc
extern const std::span<const Command> kRegistryCommands;  // cli/registry_commands.cc: done by vial-image
extern const std::span<const Command> kExportCommands;    // cli/export_commands.cc
extern const std::span<const Command> kHelpCommands;      // cli/help_commands.cc

std::span<const std::span<const Command>> all_commands();
std::span<const Group> all_groups();

}  // namespace cli
