// Which files of /proc and /sys a container must not read or write: lists as data, the mounting itself is
// namespaces/. The union of what Docker and Podman hide and of what our isolation tests found open in both.
// A path that this kernel does not have is skipped by who mounts.
#pragma once

#include <string>
#include <vector>

namespace security {

// Covered by an empty read-only directory or our null device. Entries may hold a `*`, which stands for any
// text within one path component (".../cpu*/thermal_throttle"); expand_masked_path() resolves it.
const std::vector<std::string>& default_masked_paths();

// Bound on themselves read-only.
const std::vector<std::string>& default_readonly_paths();

// The existing paths that `pattern` names on this host, sorted; {pattern} itself when it has no `*`, whether
// it exists or not. Reads directories only; what can't be read yields nothing.
std::vector<std::string> expand_masked_path(const std::string& pattern);

// default_masked_paths() with all patterns expanded: what goes into config.json.
std::vector<std::string> masked_paths_of_this_host();

}  // namespace security
