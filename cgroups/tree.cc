#include "cgroups/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"

namespace cgroups {
namespace {

Result<std::vector<std::string>> child_names(int cgroup_fd) {
  std::vector<std::string> names;
  const struct stat status = TRY(sys::fstat(cgroup_fd));
  if (status.st_nlink == 2) return names;  // kernfs counts sub-directories: most cgroups have none
  Fd fd = TRY(sys::openat(cgroup_fd, ".", O_RDONLY | O_DIRECTORY));
  DIR* stream = ::fdopendir(fd.get());
  if (stream == nullptr) return Error::from_errno("fdopendir", errno);
  fd.release();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  for (const dirent* entry = ::readdir(stream); entry != nullptr; entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  return names;
}

// Calls `visit` for each cgroup below; one that goes away meanwhile is as good as visited.
Result<void> each_child(int cgroup_fd,
                        const std::function<Result<void>(const std::string& name, int child_fd)>& visit) {
  auto names = child_names(cgroup_fd);
  if (!names) return is_gone(names.error()) ? ok() : Result<void>(std::move(names).error());
  for (const std::string& name : *names) {
    auto child = sys::openat(cgroup_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!child && is_gone(child.error())) continue;
    if (!child) return std::move(child).error();
    auto visited = visit(name, child->get());
    if (!visited && !is_gone(visited.error())) return visited;
  }
  return ok();
}

Result<void> add_processes(int cgroup_fd, std::vector<pid_t>& pids) {
  const Fd file = TRY(sys::openat(cgroup_fd, "cgroup.procs", O_RDONLY));
  auto text = read_fd(file.get());
  // A threaded cgroup does not say; its processes are those of the domain above it.
  if (!text && text.error().error_number() == EOPNOTSUPP) return ok();
  if (!text) return std::move(text).error();
  for (const std::string& line : split(*text, '\n')) {
    const auto pid = parse_int(line);
    if (pid && *pid > 0) pids.push_back(static_cast<pid_t>(*pid));
  }
  return ok();
}

bool has_line(const std::string& text, const std::string& wanted) {
  const auto lines = split(text, '\n');
  return std::find(lines.begin(), lines.end(), wanted) != lines.end();
}

}  // namespace

bool is_gone(const Error& error) {
  return error.error_number() == ENOENT || error.error_number() == ENODEV;
}

Result<Fd> open_cgroup(const std::string& directory) {
  auto fd = sys::openat2(AT_FDCWD, directory.c_str(), O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  if (!fd && fd.error().error_number() == ENOENT) return not_found("no cgroup " + printable(directory));
  return fd;
}

Result<void> walk_cgroups(int cgroup_fd, const CgroupVisit& visit) {
  TRY(each_child(cgroup_fd, [&](const std::string&, int child_fd) { return walk_cgroups(child_fd, visit); }));
  auto visited = visit(cgroup_fd);
  if (!visited && is_gone(visited.error())) return ok();
  return visited;
}

Result<std::vector<pid_t>> read_processes(int cgroup_fd) {
  std::vector<pid_t> pids;
  TRY(walk_cgroups(cgroup_fd, [&](int fd) { return add_processes(fd, pids); }));
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<void> remove_children(int cgroup_fd) {
  return each_child(cgroup_fd, [&](const std::string& name, int child_fd) -> Result<void> {
    TRY(remove_children(child_fd));
    return sys::unlinkat(cgroup_fd, name.c_str(), AT_REMOVEDIR);
  });
}

Result<bool> wait_for_line(int cgroup_fd, const char* file, const std::string& wanted, int timeout_ms) {
  auto fd = sys::openat(cgroup_fd, file, O_RDONLY);
  if (!fd && is_gone(fd.error())) return true;
  if (!fd) return std::move(fd).error();
  const int64_t deadline = monotonic_ns() + timeout_ms * kMillisecondNs;
  for (;;) {
    if (::lseek(fd->get(), 0, SEEK_SET) < 0) {
      const Error error = Error::from_errno("lseek", errno);
      if (is_gone(error)) return true;
      return error;
    }
    const auto text = read_fd(fd->get());
    if (!text && is_gone(text.error())) return true;
    if (!text) return Error(text.error());
    if (has_line(*text, wanted)) return true;
    const int64_t left_ms = (deadline - monotonic_ns()) / kMillisecondNs;
    if (left_ms <= 0) return false;
    struct pollfd waiter = {fd->get(), POLLPRI, 0};
    // The kernel holds notifications back for up to 10 ms and drops them when the cgroup is removed meanwhile
    // (by its monitor, while we kill): who sleeps through that is never woken, so nobody sleeps for long.
    constexpr int64_t kLongestSleepMs = 20;
    if (::poll(&waiter, 1, static_cast<int>(std::min(left_ms, kLongestSleepMs))) < 0 && errno != EINTR) {
      return Error::from_errno("poll", errno);
    }
  }
}

}  // namespace cgroups
