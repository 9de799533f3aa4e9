// What vial-oci knows about a container between two commands, as two small files in its state directory:
// container.json, written once before the first step that leaves anything on the host, and init.json, written
// once when the init exists. Neither says whether the container runs: runtime/state.h derives that.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "base/result.h"
#include "base/step.h"
#include "cgroups/group.h"

namespace runtime {

struct ContainerRecord {
  std::string oci_version;
  std::string id;
  std::string bundle;  // absolute
  std::string rootfs;  // absolute
  std::string owner;   // the name of the user who made it, or its number
  int64_t created_ns = 0;
  std::map<std::string, std::string> annotations;
  cgroups::Group cgroup;       // with its directories; an empty path: the container has none
  std::string scope;           // the systemd unit whose cgroup that is; empty: we made it
  std::vector<Undo> undo;      // the journal: what its steps may have left, last step first
  bool waits_at_gate = false;  // made by create, not by run
  bool has_poststart = false;  // config.json has such hooks: else start need not read it
  bool has_poststop = false;
};

// kCorrupt for a document that is not one of ours, or of a newer schema.
Result<ContainerRecord> read_container_record(const Json& document);
Json write_container_record(const ContainerRecord& record);

struct InitRecord {
  ProcessIdentity init;
  std::string boot_id;
};
Result<InitRecord> read_init_record(const Json& document);
Json write_init_record(const InitRecord& record);

}  // namespace runtime
