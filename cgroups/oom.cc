#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/stats.h"

namespace cgroups {
namespace {

Error no_controller() {
  return unsupported("out-of-memory events: no cgroup hierarchy has the memory controller");
}

// v2's memory.events exists only where the parent gives the memory controller.
Result<std::string> counter_file(const Group& group) {
  const std::string v1 = group.v1_directory_of("memory");
  if (!v1.empty()) return v1 + "/memory.oom_control";
  if (group.v2_directory.empty()) return no_controller();
  return group.v2_directory + "/memory.events";
}

}  // namespace

Result<uint64_t> oom_kills(const Group& group) {
  const std::string path = TRY(counter_file(group));
  auto text = read_file(path);
  if (!text && text.error().error_number() == ENOENT) {
    if (path_exists(group.v2_directory)) return no_controller();
    return not_found("no cgroup " + printable(group.path));
  }
  if (!text) return std::move(text).error();
  for (const std::string& line : split(*text, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() == 2 && words[0] == "oom_kill") return parse_uint(words[1]);
  }
  return unsupported(path + " has no oom_kill line (a kernel before 4.13)");
}

Result<OomWatch> OomWatch::open(const Group& group) {
  const std::string path = TRY(counter_file(group));
  OomWatch watch;
  const std::string v1 = group.v1_directory_of("memory");
  if (v1.empty()) {
    watch.fd_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch.fd_) return Error::from_errno("inotify_init1", errno);
    if (::inotify_add_watch(watch.fd_.get(), path.c_str(), IN_MODIFY) < 0) {
      if (errno == ENOENT) return no_controller();
      return Error::from_errno("inotify_add_watch " + path, errno);
    }
    return watch;
  }
  watch.fd_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watch.fd_) return Error::from_errno("eventfd", errno);
  watch.control_ = TRY(sys::open(path.c_str(), O_RDONLY));
  // "EVENT_FD CONTROL_FD", cgroup-v1/memory.rst "Memory thresholds" and "OOM Control".
  const std::string order = std::to_string(watch.fd_.get()) + " " + std::to_string(watch.control_.get());
  TRY(write_kernel_file(v1 + "/cgroup.event_control", order));
  return watch;
}

void OomWatch::drain() {
  constexpr size_t kSize = 4096;
  std::array<char, kSize> buffer;
  while (::read(fd_.get(), buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace cgroups
