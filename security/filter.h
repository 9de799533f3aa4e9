// From a seccomp spec to BPF. Names are looked up in libseccomp's tables and our own
// (security/syscall_numbers), the program is written by security/bpf_program: libseccomp's own compiler takes
// 11 ms for the default profile, gives three times the instructions, and can't say what is needed for calls
// that are newer than it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "security/seccomp_spec.h"

namespace security {

// One classic BPF program for seccomp(2), as an array of struct sock_filter, and the flags it is loaded with.
struct FilterProgram {
  std::string name;           // "default allow-list", "argument deny-list", for views
  std::string bytes;          // sizeof(sock_filter) * n
  unsigned flags = 0;         // SECCOMP_FILTER_FLAG_*
  std::string listener_path;  // where the notification descriptor is sent (SCMP_ACT_NOTIFY); empty: nowhere
  std::string listener_metadata;
};

// Compiles one spec; pure, microseconds. Of all rules that match a call the one with the strictest action
// counts, in the order in which the kernel ranks actions (seccomp(2)): a condition is never swallowed by a
// later rule without one. Arguments that the kernel takes as 32 bits (socket families, ioctl requests, ...)
// are compared as 32 bits. Calls of an architecture that is not listed kill the process; x32 calls get ENOSYS
// unless x32 is listed; no architecture listed means the native one.
// Errors: kInvalid for an unknown action, operator, flag or architecture, an argument index above 5, an errno
// above 4095, a notification without a listener or on sendmsg(2) (the descriptor could not be handed over
// then), a program of more than 4096 instructions; and for a name that no table has when its rule is stricter
// than the default action (skipping it would open what was to be closed; other unknown names are skipped).
// Source: runtime-spec config-linux.md "Seccomp".
Result<FilterProgram> compile_filter(const SeccompFilterSpec& spec);

// Whether a rule asks an agent (SCMP_ACT_NOTIFY). Without one a spec's listenerPath is not used: nobody may
// have to listen there. Source: runtime-spec config-linux.md "Seccomp", listenerPath.
bool asks_agent(const SeccompFilterSpec& spec);

}  // namespace security
