#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/group.h"
#include "cgroups/kill.h"
#include "cgroups/tree.h"

namespace cgroups {
namespace {

constexpr int kKillTimeoutMs = 10'000;
constexpr int kRmdirTimeoutMs = 2'000;
constexpr int kLeaveTimeoutMs = 500;

// True when `directory` is gone afterwards; false when it is in use.
Result<bool> try_rmdir(const std::string& directory) {
  auto removed = sys::unlinkat(AT_FDCWD, directory.c_str(), AT_REMOVEDIR);
  if (removed || is_gone(removed.error())) return true;
  const int error_number = removed.error().error_number();
  if (error_number == EBUSY || error_number == ENOTEMPTY) return false;
  return std::move(removed).error();
}

// What is emptied here must be a cgroup: the paths come from a journal.
Result<void> check_is_cgroup(int cgroup_fd, const std::string& directory) {
  struct statfs system = {};
  if (::fstatfs(cgroup_fd, &system) < 0) return Error::from_errno("statfs", errno);
  if (system.f_type == CGROUP_SUPER_MAGIC || system.f_type == CGROUP2_SUPER_MAGIC) return ok();
  return invalid(printable(directory) + " is not a cgroup");
}

// And what is killed must not be all that a hierarchy has. (rmdir(2) refuses a root by itself.)
Result<void> check_is_no_root(int cgroup_fd, const std::string& directory) {
  const struct stat own = TRY(sys::fstat(cgroup_fd));
  const struct stat above = TRY(sys::fstatat(cgroup_fd, "..", 0));
  if (own.st_dev != above.st_dev || own.st_ino == above.st_ino) {
    return invalid(printable(directory) + " is the root of a cgroup hierarchy");
  }
  return ok();
}

// A dying process leaves its cgroup a moment after it was seen to be dead: EBUSY until then.
Result<void> rmdir_patiently(int cgroup_fd, const std::string& directory) {
  const int64_t deadline = monotonic_ns() + kRmdirTimeoutMs * kMillisecondNs;
  for (;;) {
    auto children = remove_children(cgroup_fd);
    if (!children && children.error().error_number() != EBUSY) return children;
    if (children) {
      const bool is_removed = TRY(try_rmdir(directory));
      if (is_removed) return ok();
    }
    if (monotonic_ns() > deadline) return Error::from_errno("rmdir " + printable(directory), EBUSY);
    ::poll(nullptr, 0, 1);
  }
}

Result<void> check_path(const std::string& directory) {
  if (directory.empty() || directory[0] != '/' || contains(directory + "/", "/../")) {
    return invalid("remove cgroup: '" + printable(directory) + "' is not an absolute path");
  }
  return ok();
}

// True when nobody is in it or below it; who comes in by exec, and finds the init dead, is gone in a moment.
Result<bool> is_left(int cgroup_fd) {
  const int64_t deadline = monotonic_ns() + kLeaveTimeoutMs * kMillisecondNs;
  for (;;) {
    const std::vector<pid_t> pids = TRY(read_processes(cgroup_fd));
    if (pids.empty()) return true;
    if (monotonic_ns() > deadline) return false;
    ::poll(nullptr, 0, 5);
  }
}

}  // namespace

Result<bool> remove_empty_cgroup(const std::string& directory) {
  TRY(check_path(directory));
  return try_rmdir(directory);
}

Result<bool> remove_unused_cgroup(const std::string& directory) {
  const bool is_removed = TRY(remove_empty_cgroup(directory));
  if (is_removed) return true;
  auto fd = open_cgroup(directory);
  if (!fd && fd.error().kind() == ErrorKind::kNotFound) return true;
  if (!fd) return std::move(fd).error();
  TRY_IN("remove cgroup", check_is_cgroup(fd->get(), directory));
  TRY_IN("remove cgroup", check_is_no_root(fd->get(), directory));
  const bool is_empty = TRY(is_left(fd->get()));
  if (!is_empty) return false;
  TRY_IN("remove cgroup", rmdir_patiently(fd->get(), directory));
  return true;
}

Result<void> remove_cgroup(const std::string& directory) {
  TRY(check_path(directory));
  // All but one in a thousand are empty, and rmdir(2) takes no other; a start has one in each hierarchy.
  // Before anything is killed it is looked at.
  const bool is_removed = TRY(try_rmdir(directory));
  if (is_removed) return ok();
  auto fd = open_cgroup(directory);
  if (!fd && fd.error().kind() == ErrorKind::kNotFound) return ok();
  if (!fd) return std::move(fd).error();
  TRY_IN("remove cgroup", check_is_cgroup(fd->get(), directory));
  TRY_IN("remove cgroup", check_is_no_root(fd->get(), directory));
  TRY_IN("remove cgroup " + printable(directory), kill_cgroup(fd->get(), directory, kKillTimeoutMs));
  TRY_IN("remove cgroup", rmdir_patiently(fd->get(), directory));
  return ok();
}

Result<void> remove_group(const Group& group) {
  Result<void> first_error;
  const auto remove = [&](const std::string& directory) {
    auto removed = remove_cgroup(directory);
    if (first_error && !removed) first_error = std::move(removed);
  };
  // v2 first: its kill empties the group in all hierarchies at once.
  if (!group.v2_directory.empty()) remove(group.v2_directory);
  for (const V1Directory& place : group.v1)
    remove(place.directory);
  return first_error;
}

}  // namespace cgroups
