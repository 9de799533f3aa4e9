#include "namespaces/ns_set.h"

#include <linux/sched.h>

#include <algorithm>

#include "base/strings.h"

namespace namespaces {

const std::array<NamespaceKind, 8>& namespace_kinds() {
  // The order in which they are joined: the user namespace first, it decides what may be done to the others;
  // the mount namespace last, paths mean others after it.
  static constexpr std::array<NamespaceKind, 8> kKinds = {{
      {"user", "user", CLONE_NEWUSER, "user_namespaces(7)", "--user"},
      {"cgroup", "cgroup", CLONE_NEWCGROUP, "cgroup_namespaces(7)", "--cgroup"},
      {"ipc", "ipc", CLONE_NEWIPC, "ipc_namespaces(7)", "--ipc"},
      {"uts", "uts", CLONE_NEWUTS, "uts_namespaces(7)", "--uts"},
      {"network", "net", CLONE_NEWNET, "network_namespaces(7)", "--net"},
      {"pid", "pid", CLONE_NEWPID, "pid_namespaces(7)", "--pid --fork"},
      {"time", "time", CLONE_NEWTIME, "time_namespaces(7)", "--time"},
      {"mount", "mnt", CLONE_NEWNS, "mount_namespaces(7)", "--mount"},
  }};
  return kKinds;
}

const NamespaceKind* find_namespace_kind(std::string_view spec_name) {
  for (const auto& kind : namespace_kinds()) {
    if (spec_name == kind.spec_name) return &kind;
  }
  return nullptr;
}

Result<NamespaceSet> NamespaceSet::from(const std::vector<Namespace>& entries) {
  NamespaceSet set;
  for (const auto& entry : entries) {
    if (find_namespace_kind(entry.type) == nullptr)
      return invalid("unknown namespace \"" + printable(entry.type) + "\"");
    if (set.is_separate(entry.type)) return invalid("namespace \"" + entry.type + "\" is given twice");
    if (!entry.path.empty() && entry.path.front() != '/') {
      return invalid("path of the " + entry.type + " namespace is not absolute: " + printable(entry.path));
    }
    set.entries_.push_back(entry);
  }
  return set;
}

bool NamespaceSet::is_separate(std::string_view spec_name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) { return e.type == spec_name; });
}

bool NamespaceSet::is_new(std::string_view spec_name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& e) { return e.type == spec_name && e.path.empty(); });
}

std::optional<std::string> NamespaceSet::path_of(std::string_view spec_name) const {
  for (const auto& entry : entries_) {
    if (entry.type == spec_name && !entry.path.empty()) return entry.path;
  }
  return std::nullopt;
}

int NamespaceSet::clone_flags() const {
  int flags = 0;
  for (const auto& entry : entries_) {
    if (entry.path.empty()) flags |= find_namespace_kind(entry.type)->clone_flag;
  }
  return flags;
}

}  // namespace namespaces
