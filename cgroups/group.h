// The cgroup of one container: the same path below the root of every mounted hierarchy, as directories; and
// what can be done to the processes in it as a whole.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroups/layout.h"

namespace cgroups {

// The container's directory in one v1 hierarchy.
struct V1Directory {
  std::vector<std::string> controllers;
  std::string mount_point;
  std::string directory;  // absolute: mount_point + path
};

struct Group {
  std::string path;            // "/vial/ID": starts with '/', no empty, "." or ".." component
  std::string v2_mount_point;  // empty: v2 is not mounted
  std::string v2_directory;
  std::vector<V1Directory> v1;

  // The directory in which `controller` is driven, or empty.
  std::string v1_directory_of(const std::string& controller) const;
};

// Pure: where the cgroup `path` is. A relative path is taken from the root, as an absolute one. kInvalid for
// the root itself, a ".." component, a component over 255 bytes, and bytes that cgroup names can't have
// (newline, NUL).
Result<Group> group_at(const Layout& layout, const std::string& path);
// kInvalid for a path that is not as group_at() leaves it: for who reads one that was written down.
Result<void> check_group_path(const std::string& path);

// All processes in the group and below it, each once, in ascending order. Read from v2 where it is mounted,
// else from the first v1 hierarchy. A group that does not exist has none.
Result<std::vector<pid_t>> processes(const Group& group);
// True if a live process is in the group or below it (v2: cgroup.events "populated").
Result<bool> is_populated(const Group& group);

// kConflict when a process is in the group, in whatever hierarchy; the text says how many. Changes nothing.
// To be asked before an undo list with this group is written: undoing a group kills what is in it.
Result<void> check_is_free(const Group& group);

// Stops every process of the group until thaw(); returns when all have stopped. v2: cgroup.freeze, else v1's
// freezer. kUnsupported without both, kSystem (ETIMEDOUT) when a process does not stop within 10 s; it is
// thawed again then.
Result<void> freeze(const Group& group);
Result<void> thaw(const Group& group);
Result<bool> is_frozen(const Group& group);

// Kills all processes in the group and below it, also frozen ones, and returns when they have left it.
// v2: cgroup.kill, else SIGKILL to each by pidfd until none is left. kSystem (ETIMEDOUT) after `timeout_ms`.
// Trap: on kernel 6.18 a child cloned into a killed v2 cgroup is killed at once; remove the group, make it
// anew.
Result<void> kill_all(const Group& group, int timeout_ms = 10'000);

// Kills what is left in it and removes its directories in every hierarchy, deepest first. Idempotent: what is
// not there is no error. kSystem when a directory stays (a process in uninterruptible sleep); its path is
// named.
Result<void> remove_group(const Group& group);

// The same for one directory, in whatever hierarchy: the undo kind "cgroup". kInvalid unless `directory` is
// absolute, has no ".." component and is a cgroup below, not at, its hierarchy's root.
Result<void> remove_cgroup(const std::string& directory);
// The same without killing anybody, for who has nobody in it any more. False, and all of it stays, when there
// are processes in it: they belong to another container that was given the same path since.
Result<bool> remove_unused_cgroup(const std::string& directory);
// By one call: false for one in use, or with cgroups below it.
Result<bool> remove_empty_cgroup(const std::string& directory);

// What to show a container as its /sys/fs/cgroup: bind `source` on `destination`, read-only.
struct ViewMount {
  std::string destination;         // "/sys/fs/cgroup" on pure v2, else "/sys/fs/cgroup/memory", ".../unified"
  std::string source;              // the container's directory
  std::string mount_point;         // of its hierarchy
  std::vector<std::string> links;  // names beside destination's last component that point to it ("cpu",
                                   // "cpuacct" for "cpu,cpuacct")
};
// Pure. On a v1 or hybrid layout a tmpfs on /sys/fs/cgroup is the caller's.
std::vector<ViewMount> container_view(const Group& group);

}  // namespace cgroups
