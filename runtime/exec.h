// One more process in a running container: a plan of its own, performed by launch() like the first one's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/step.h"
#include "cgroups/group.h"
#include "runtime/plan.h"
#include "runtime/spec.h"
#include "security/filter.h"

namespace runtime {

struct ExecRequest {
  const Spec* spec = nullptr;        // the container's, for its namespaces and cgroup
  const Process* process = nullptr;  // what to run, complete: user, capabilities, environment
  ProcessIdentity init;              // the container's pid 1
  std::string id;
  std::string bundle;
  std::vector<security::FilterProgram> seccomp;
  unsigned preserve_fds = 0;
  std::optional<cgroups::Group> group;  // to be born in, must exist; nullopt: the spec's cgroupsPath
};

// The plan: hold the init by pidfd, clone inside of its cgroup and namespaces (clone_inside.h), become the
// process. It leaves nothing on the host, so it has no undo entries. Errors as make_plan(); performing it
// fails with kNotFound when the init is gone.
Result<Plan> make_exec_plan(ExecRequest request, const HostFacts& host);

}  // namespace runtime
