// The grammars of --ulimit and --security-opt.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace engine {

// "nofile=1024[:2048]", -1 is unlimited. kInvalid in Docker's words.
Result<runtime::Rlimit> parse_ulimit(const std::string& text);

// What the calling process has, getrlimit(2); UINT64_MAX is unlimited.
struct CallerLimits {
  uint64_t open_files_soft = 1024;
  uint64_t open_files_hard = 1048576;
  uint64_t core_hard = UINT64_MAX;
};
// The limits of a container: those asked for, and ours where nobody asked: no core files, and a soft number
// of open files between 1024 and 65536. Ours stay below the caller's hard limits, so they always can be set.
Result<std::vector<runtime::Rlimit>> collect_rlimits(const std::vector<std::string>& ulimits,
                                                     const CallerLimits& caller);

struct SecurityOptions {
  bool no_new_privileges = false;
  bool seccomp_unconfined = false;
  std::string seccomp_profile;  // JSON text; empty: the built-in one
  bool system_paths_unconfined = false;
  std::vector<std::string> warnings;
};
// Entries "seccomp=unconfined|builtin|JSON" (FILE was replaced by its content, see load_security_files),
// "no-new-privileges[=true|false]", "systempaths=unconfined", "apparmor=...", "label=...". kInvalid.
Result<SecurityOptions> parse_security_options(const std::vector<std::string>& options);

// Replaces FILE in "seccomp=FILE" by the content of the file, so that the record holds the profile. kInvalid
// in Docker's words when it can't be read or is not JSON.
Result<std::vector<std::string>> load_security_files(const std::vector<std::string>& options);

}  // namespace engine
