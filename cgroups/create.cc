#include "cgroups/create.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/tree.h"

namespace cgroups {
namespace {

constexpr mode_t kMode = 0755;

Error explain_mkdir(const Error& error, const std::string& directory) {
  const int number = error.error_number();
  const char* cause = "";
  if (number == EROFS || number == EACCES || number == EPERM) {
    cause = "; this needs root and a writable cgroup hierarchy (in a container: one started with both)";
  } else if (number == EAGAIN) {
    cause = "; cgroup.max.depth or cgroup.max.descendants of a parent is reached";
  } else if (number == EOPNOTSUPP) {
    cause = "; a parent cgroup is threaded";
  }
  return {error.kind(), "mkdir " + printable(directory) + ": " + errno_text(number) + cause, number};
}

Result<void> make_directory(const std::string& directory) {
  auto made = sys::mkdir(directory.c_str(), kMode);
  if (made || made.error().error_number() == EEXIST) return ok();
  return explain_mkdir(made.error(), directory);
}

Error in_use(const std::string& directory) {
  return conflict("cgroup " + printable(directory) +
                  " is in use by another container; choose another --cgroup-parent or cgroupsPath");
}

// An empty one may have been left by somebody who was killed, or be that of another creator, whose init is
// about to be born in it.
Result<bool> becomes_used(const std::string& directory) {
  constexpr int kPatienceMs = 50;  // in each hierarchy; between its mkdir(2) and its clone(2) is one
  const int64_t deadline = monotonic_ns() + kPatienceMs * kMillisecondNs;
  while (monotonic_ns() < deadline) {
    auto fd = open_cgroup(directory);
    if (!fd && fd.error().kind() == ErrorKind::kNotFound) return false;
    if (!fd) return std::move(fd).error();
    const std::vector<pid_t> pids = TRY(read_processes(fd->get()));
    if (!pids.empty()) return true;
    ::poll(nullptr, 0, 2);
  }
  return false;
}

// The last component must be made by us.
Result<void> make_leaf(const std::string& directory) {
  auto made = sys::mkdir(directory.c_str(), kMode);
  if (!made && made.error().error_number() == EEXIST) {
    const bool is_used = TRY(becomes_used(directory));
    if (is_used) return in_use(directory);
    auto removed = sys::unlinkat(AT_FDCWD, directory.c_str(), AT_REMOVEDIR);
    if (!removed && !is_gone(removed.error())) return in_use(directory);
    made = sys::mkdir(directory.c_str(), kMode);
    if (!made && made.error().error_number() == EEXIST) return in_use(directory);
  }
  if (made) return ok();
  return explain_mkdir(made.error(), directory);
}

// The parents are there for all but the first container, so the leaf is tried first. Whoever removes an empty
// parent meanwhile makes it a second round.
Result<void> make_tree(const std::string& mount_point, const std::string& path, Leaf leaf) {
  constexpr int kRounds = 8;
  const auto prefixes = path_prefixes(path);
  for (int round = 0;; ++round) {
    auto made = leaf == Leaf::kAdopt ? make_directory(mount_point + path) : make_leaf(mount_point + path);
    if (made || made.error().error_number() != ENOENT || round == kRounds) return made;
    for (size_t i = 0; i + 1 < prefixes.size(); ++i) {
      auto parent = make_directory(mount_point + prefixes[i]);
      if (!parent && parent.error().error_number() != ENOENT) return parent;
    }
  }
}

// Copies one cpuset file down from the root as far as it is empty, which a group that was just made is.
Result<void> inherit(const std::string& mount_point, const std::vector<std::string>& prefixes,
                     const char* file, Leaf leaf) {
  const auto read_set = [&](const std::string& prefix) -> Result<std::string> {
    const std::string text = TRY(read_file(mount_point + prefix + "/" + file));
    return std::string(trim(text));
  };
  size_t filled = leaf == Leaf::kMake ? prefixes.size() - 1 : prefixes.size();
  std::string set;
  while (set.empty() && filled > 0) {
    --filled;
    set = TRY(read_set(prefixes[filled]));
  }
  if (set.empty()) {
    set = TRY(read_set(""));
  } else {
    ++filled;
  }
  for (size_t i = filled; i < prefixes.size(); ++i)
    TRY(write_kernel_file(mount_point + prefixes[i] + "/" + file, set));
  return ok();
}

Error explain_delegation(const Error& error, const std::string& controller, const std::string& directory) {
  const int number = error.error_number();
  std::string cause = errno_text(number);
  if (number == EBUSY) {
    cause =
        "it holds processes itself, and v2 gives controllers only to the children of a cgroup without any "
        "(cgroups(7), \"no internal processes\"); move them into a sub-cgroup, or choose another "
        "--cgroup-parent";
  } else if (number == ENOENT) {
    cause = "the controller is not enabled above it, or is bound to v1";
  } else if (number == EINVAL && controller == "cpu") {
    cause = "a realtime process is in the root's children (CONFIG_RT_GROUP_SCHED)";
  }
  return {number == ENOENT ? ErrorKind::kUnsupported : ErrorKind::kSystem,
          "enable " + controller + " in " + printable(directory) + "/cgroup.subtree_control: " + cause,
          number};
}

bool is_listed(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Enables what is missing in one cgroup.subtree_control: all in one write, and one by one when that is
// refused.
Result<void> delegate(const std::string& directory, const V2Controllers& controllers) {
  const std::string path = directory + "/cgroup.subtree_control";
  const std::string text = TRY(read_file(path));
  const std::vector<std::string> enabled = split(trim(text), ' ');
  std::vector<std::string> missing;
  for (const auto* names : {&controllers.required, &controllers.optional}) {
    for (const std::string& name : *names) {
      if (!is_listed(enabled, name) && !is_listed(missing, name)) missing.push_back(name);
    }
  }
  if (missing.empty()) return ok();
  if (write_kernel_file(path, "+" + join(missing, " +"))) return ok();
  for (const std::string& name : missing) {
    auto written = write_kernel_file(path, "+" + name);
    if (!written && is_listed(controllers.required, name)) {
      return explain_delegation(written.error(), name, directory);
    }
  }
  return ok();
}

}  // namespace

std::vector<std::string> path_prefixes(const std::string& path) {
  std::vector<std::string> prefixes;
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    prefixes.push_back(path.substr(0, end));
    if (end == std::string::npos) return prefixes;
  }
}

Result<void> check_is_free(const Group& group) {
  std::vector<std::string> directories;
  if (!group.v2_directory.empty()) directories.push_back(group.v2_directory);
  for (const V1Directory& place : group.v1)
    directories.push_back(place.directory);
  for (const std::string& directory : directories) {
    if (!path_exists(directory)) continue;
    auto fd = open_cgroup(directory);
    if (!fd && fd.error().kind() == ErrorKind::kNotFound) continue;
    if (!fd) return std::move(fd).error();
    const std::vector<pid_t> pids = TRY(read_processes(fd->get()));
    if (pids.empty()) continue;
    return conflict("cgroup " + printable(directory) + " holds " + std::to_string(pids.size()) +
                    " processes already; choose another --cgroup-parent or cgroupsPath");
  }
  return ok();
}

Result<void> create_v1(const V1Directory& place, const std::string& path, Leaf leaf) {
  TRY(make_tree(place.mount_point, path, leaf));
  if (!is_listed(place.controllers, "cpuset")) return ok();
  const auto prefixes = path_prefixes(path);
  TRY(inherit(place.mount_point, prefixes, "cpuset.cpus", leaf));
  return inherit(place.mount_point, prefixes, "cpuset.mems", leaf);
}

Result<void> create_v2(const Group& group, const V2Controllers& controllers, Leaf leaf) {
  TRY(make_tree(group.v2_mount_point, group.path, leaf));
  if (controllers.required.empty() && controllers.optional.empty()) return ok();
  auto prefixes = path_prefixes(group.path);
  prefixes.pop_back();
  TRY(delegate(group.v2_mount_point, controllers));
  for (const std::string& prefix : prefixes)
    TRY(delegate(group.v2_mount_point + prefix, controllers));
  return ok();
}

}  // namespace cgroups
