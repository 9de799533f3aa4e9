// From the request to a record (before anything exists), and from a record to the plan of a start.
#pragma once

#include "base/result.h"
#include "cgroups/group.h"
#include "engine/operations.h"
#include "engine/record.h"
#include "engine/store.h"
#include "runtime/plan.h"
#include "security/filter.h"

namespace engine {

// Checks the request, finds the image, resolves everything that is fixed when a container is made. Changes
// nothing. `id` is the new container's. Errors: kNotFound "No such image: x", kInvalid in Docker's words.
Result<ContainerRecord> make_record(const Store& store, const RunRequest& request, const std::string& id);

// The spec and the plan of a start, now. Reads the host and the image's layers.
struct Prepared {
  runtime::Spec spec;
  Plan plan;
  cgroups::Group group;  // where the container's processes will be
};
Result<Prepared> prepare_start(const Store& store, const ContainerRecord& record);

// The directories that mounts need on the host: missing sources of -v, volumes. kInvalid for a source of
// --mount type=bind that is not there.
Result<void> prepare_mount_sources(const ContainerRecord& record, const Store& store);
struct NetworkFile {
  std::string name;  // "hosts"
  std::string text;
};
// hosts, hostname and resolv.conf as a start of the container would write them. Reads the host's.
Result<std::vector<NetworkFile>> network_files(const ContainerRecord& record);
// Writes them into the run directory.
Result<void> write_network_files(const Store& store, const ContainerRecord& record);

// The compiled filters for a spec, in the order they are loaded; none when the spec has no seccomp. Kept in
// the run root for the next container.
Result<std::vector<security::FilterProgram>> seccomp_programs(const Store& store, const runtime::Spec& spec);

}  // namespace engine
