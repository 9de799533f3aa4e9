#include <poll.h>

#include <cerrno>
#include <csignal>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/group.h"
#include "cgroups/kill.h"
#include "cgroups/tree.h"

namespace cgroups {
namespace {

// Where a group's processes are read: every process is in every hierarchy, so one tells all.
Result<std::string> any_directory(const Group& group) {
  if (!group.v2_directory.empty()) return group.v2_directory;
  if (!group.v1.empty()) return group.v1.front().directory;
  return unsupported("no cgroup hierarchy is mounted");
}

struct Held {
  pid_t pid;
  Fd pidfd;
};

// A pid may be another process's by the time it is signalled. So: hold each by a pidfd, then look again; who
// is still listed is who we hold.
Result<size_t> kill_listed(int cgroup_fd) {
  const std::vector<pid_t> listed = TRY(read_processes(cgroup_fd));
  std::vector<Held> held;
  for (const pid_t pid : listed) {
    auto pidfd = sys::pidfd_open(pid);
    if (pidfd) held.push_back({pid, std::move(*pidfd)});
  }
  const std::vector<pid_t> still = TRY(read_processes(cgroup_fd));
  for (const Held& process : held) {
    bool is_listed = false;
    for (const pid_t pid : still)
      is_listed = is_listed || pid == process.pid;
    if (!is_listed) continue;
    auto sent = sys::pidfd_send_signal(process.pidfd.get(), SIGKILL);
    if (!sent && sent.error().error_number() != ESRCH) return std::move(sent).error();
  }
  // Wakes up at the first death; all others were signalled before it.
  constexpr int kPauseMs = 20;
  if (held.empty()) {
    ::poll(nullptr, 0, 1);
  } else {
    wait_until_dead(held.front().pidfd.get(), kPauseMs);
  }
  return still.size();
}

// SIGKILL does not reach who is frozen by v1's freezer, so it is thawed after each round.
void thaw_v1(const std::string& freezer_directory) {
  if (freezer_directory.empty()) return;
  (void)write_kernel_file(freezer_directory + "/freezer.state", "THAWED");
}

}  // namespace

Result<void> kill_each(int cgroup_fd, const std::string& freezer_directory, int timeout_ms) {
  const int64_t deadline = monotonic_ns() + timeout_ms * kMillisecondNs;
  for (;;) {
    const size_t left = TRY(kill_listed(cgroup_fd));
    if (left == 0) return ok();
    thaw_v1(freezer_directory);
    if (monotonic_ns() > deadline) {
      return Error::from_errno(std::to_string(left) + " processes survive SIGKILL", ETIMEDOUT);
    }
  }
}

Result<void> kill_cgroup(int cgroup_fd, const std::string& freezer_directory, int timeout_ms) {
  auto killed = write_kernel_file_at(cgroup_fd, "cgroup.kill", "1");
  // A v1 cgroup, a kernel before 5.14 or a threaded cgroup.
  if (!killed) return kill_each(cgroup_fd, freezer_directory, timeout_ms);
  const bool is_empty = TRY(wait_for_line(cgroup_fd, "cgroup.events", "populated 0", timeout_ms));
  if (is_empty) return ok();
  return Error::from_errno("processes survive cgroup.kill", ETIMEDOUT);
}

Result<std::vector<pid_t>> processes(const Group& group) {
  const std::string directory = TRY(any_directory(group));
  auto fd = open_cgroup(directory);
  if (!fd && fd.error().kind() == ErrorKind::kNotFound) return std::vector<pid_t>();
  if (!fd) return std::move(fd).error();
  return read_processes(fd->get());
}

Result<bool> is_populated(const Group& group) {
  if (group.v2_directory.empty()) {
    const std::vector<pid_t> pids = TRY(processes(group));
    return !pids.empty();
  }
  auto text = read_file(group.v2_directory + "/cgroup.events");
  if (!text && is_gone(text.error())) return false;
  if (!text) return std::move(text).error();
  return contains(*text, "populated 1");
}

Result<void> kill_all(const Group& group, int timeout_ms) {
  const std::string directory = TRY(any_directory(group));
  auto fd = open_cgroup(directory);
  if (!fd && fd.error().kind() == ErrorKind::kNotFound) return ok();
  if (!fd) return std::move(fd).error();
  TRY_IN("kill " + printable(group.path),
         kill_cgroup(fd->get(), group.v1_directory_of("freezer"), timeout_ms));
  return ok();
}

}  // namespace cgroups
