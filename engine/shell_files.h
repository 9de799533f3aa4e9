// What a start makes before its plan is performed, in shell, for --as-shell. Pure but for the host's name
// files.
#pragma once

#include "base/result.h"
#include "engine/record.h"
#include "engine/store.h"
#include "runtime/views.h"

namespace engine {

// The directories of the snapshot and the files of names. kInvalid as network_files().
Result<runtime::ShellFiles> shell_files(const Store& store, const ContainerRecord& record);

}  // namespace engine
