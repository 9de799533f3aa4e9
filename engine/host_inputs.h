// Looks up what a container needs from the host and from its own files, at the moment of a start: the user in
// its passwd, devices, namespaces of other containers, our own limits and capabilities.
#pragma once

#include "base/result.h"
#include "engine/record.h"
#include "engine/snapshot.h"
#include "engine/spec_builder.h"
#include "engine/store.h"
#include "runtime/plan.h"

namespace engine {

Snapshot snapshot_of(const Store& store, const ContainerRecord& record);

// "/vial/<id>", or below --cgroup-parent.
std::string cgroups_path_of(const ContainerRecord& record);

// kInvalid for a user, device or limit that does not exist; kConflict for a container:X that does not run.
// `inputs.record` points to `record`, which must live as long.
Result<SpecInputs> collect_inputs(const Store& store, const ContainerRecord& record,
                                  const runtime::HostFacts& host);

// Users of a container whose layers (and upper directory) are `snapshot`.
Result<ContainerUser> look_up_user(const Snapshot& snapshot, const std::string& user,
                                   const std::vector<std::string>& group_add);

// The program bound as /dev/init with --init: vial-init, beside our own executable or in ../libexec/vial.
// kNotFound with where it was looked for.
Result<std::string> find_init_program();

}  // namespace engine
