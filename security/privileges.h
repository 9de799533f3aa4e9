// The steps that say who the container's process is and what it may do: user and groups, the five capability
// sets, no_new_privs, keyring, dumpable. All are in the init lane.
//
// Their order (runtime/plan keeps it):
//   session keyring, rlimits, oom_score_adj, ...   while still root
//   drop bounding set                              needs CAP_SETPCAP
//   [seccomp, without no_new_privs]                needs CAP_SYS_ADMIN; see security/seccomp_steps.h
//   set ids                                        keeps the permitted set over setresuid(2)
//   set capabilities
//   no_new_privs
//   [seccomp, with no_new_privs]                   the last step before execve(2)
#pragma once

#include <cstdint>
#include <vector>

#include "base/step.h"
#include "security/capabilities.h"

namespace security {

// Removes everything that is not in `keep` from the bounding set, also capabilities that the kernel has and
// this build has no name for. Can't be undone by the process, not even by execve(2) of a setuid program.
// perform: kSystem EPERM without CAP_SETPCAP. capabilities(7), PR_CAPBSET_DROP in prctl(2).
StepPtr drop_bounding_set_step(CapabilityMask keep);

// Who the process is. The supplementary groups become exactly `groups`, none of the caller's stays
// (CVE-2022-36109): the caller lists the primary group there too if it wants it kept over newgrp(1).
struct Identity {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  uint32_t umask = 022;  // file mode bits that are cleared
};
// setgroups, setresgid, setresuid, umask, in that order. The permitted set outlives the change of user
// (PR_SET_KEEPCAPS) until "set capabilities" writes the final sets; without such a step after it the kernel
// takes the rest away at execve(2). perform: kSystem EINVAL for an id that the user namespace does not map.
StepPtr set_ids_step(Identity identity);

// Writes permitted, effective, inheritable and ambient exactly as given (the bounding set is
// drop_bounding_set_step's) and ends PR_SET_KEEPCAPS. Of these a process that is not root keeps only the
// ambient ones over execve(2); a set that has ambient bits must have them in permitted and inheritable too.
// perform: kSystem EPERM for a capability that we do not have ourselves. capabilities(7), capset(2).
StepPtr set_capabilities_step(const CapabilitySets& sets);

// execve(2) gives no privileges from now on: setuid bits and file capabilities are ignored.
// PR_SET_NO_NEW_PRIVS, Documentation/userspace-api/no_new_privs.rst.
StepPtr no_new_privs_step();

// A new, empty session keyring, so that the caller's keys can't be read (keyrings(7)). Kernels without keys,
// with a full quota, or a filter around us that denies keyctl(2) are no error: there is nothing to hide then,
// or no way to. The user keyring of uid 0 stays shared unless there is a user namespace.
StepPtr session_keyring_step();

// PR_SET_DUMPABLE 0: processes that are in the container already can't ptrace(2) us or read our /proc entries
// while we come in (CVE-2016-9962). execve(2) sets it again for the container's program.
StepPtr not_dumpable_step();

}  // namespace security
