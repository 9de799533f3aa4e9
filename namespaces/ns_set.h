// Which namespaces a container has of its own, and which it joins.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace namespaces {

// One of the eight kinds of namespaces(7).
struct NamespaceKind {
  const char* spec_name;  // as in config.json: "network"
  const char* proc_name;  // as in /proc/PID/ns: "net"
  int clone_flag;         // CLONE_NEW*
  const char* man;
  const char* unshare_option;  // of unshare(1)
};
const std::array<NamespaceKind, 8>& namespace_kinds();
const NamespaceKind* find_namespace_kind(std::string_view spec_name);

// One entry of linux.namespaces: a new namespace, or the one at `path` (runtime-spec config-linux.md
// "Namespaces").
struct Namespace {
  std::string type;  // spec_name of a kind
  std::string path;  // empty: a new one
};

// A container's namespaces; a kind that is absent is shared with the caller.
class NamespaceSet {
 public:
  // kInvalid for an unknown type, a type given twice, or a path that is not absolute.
  static Result<NamespaceSet> from(const std::vector<Namespace>& entries);

  bool is_new(std::string_view spec_name) const;
  // True if the container does not share the caller's: a new one or one joined by path.
  bool is_separate(std::string_view spec_name) const;
  std::optional<std::string> path_of(std::string_view spec_name) const;
  // The CLONE_NEW* flags of all new namespaces.
  int clone_flags() const;
  const std::vector<Namespace>& entries() const { return entries_; }

 private:
  std::vector<Namespace> entries_;
};

}  // namespace namespaces
