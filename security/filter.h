// From a seccomp spec to BPF: compiled by libseccomp once, cached by digest, loaded as stored bytes.
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

// Compiles one spec. Errors: kInvalid for an unknown action, operator, flag or architecture; names of system
// calls that neither libseccomp nor our own table knows are an error in a deny rule and skipped in an allow
// rule.
Result<FilterProgram> compile_filter(const SeccompFilterSpec& spec);

// compile_filter() behind a cache of files "<digest>.bpf" in `cache_directory` (made when missing, mode
// 0700); the digest covers the spec, this build's version and the architecture. A cache that can't be read or
// written is no error.
Result<FilterProgram> compile_filter_cached(const SeccompFilterSpec& spec,
                                            const std::string& cache_directory);

}  // namespace security
