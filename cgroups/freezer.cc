#include <poll.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "cgroups/group.h"
#include "cgroups/tree.h"

namespace cgroups {
namespace {

constexpr int kFreezeTimeoutMs = 10'000;

Error no_freezer() {
  return unsupported("no freezer: neither cgroup v2 nor the v1 freezer controller is mounted");
}

Result<void> set_v2(const Group& group, bool frozen) {
  const Fd fd = TRY(open_cgroup(group.v2_directory));
  TRY(write_kernel_file_at(fd.get(), "cgroup.freeze", frozen ? "1" : "0"));
  const std::string wanted = frozen ? "frozen 1" : "frozen 0";
  const bool done = TRY(wait_for_line(fd.get(), "cgroup.events", wanted, kFreezeTimeoutMs));
  if (done) return ok();
  return Error::from_errno("a process does not stop", ETIMEDOUT);
}

// v1's freezer has no notification, and a fork may escape one round: FROZEN is written until it is read.
Result<void> set_v1(const std::string& directory, const char* state) {
  const std::string path = directory + "/freezer.state";
  const int64_t deadline = monotonic_ns() + kFreezeTimeoutMs * kMillisecondNs;
  for (;;) {
    TRY(write_kernel_file(path, state));
    const std::string text = TRY(read_file(path));
    if (trim(text) == state) return ok();
    if (monotonic_ns() > deadline) return Error::from_errno("a process does not stop", ETIMEDOUT);
    ::poll(nullptr, 0, 1);
  }
}

Result<void> set_state(const Group& group, bool frozen) {
  if (!group.v2_directory.empty()) return set_v2(group, frozen);
  const std::string directory = group.v1_directory_of("freezer");
  if (directory.empty()) return no_freezer();
  return set_v1(directory, frozen ? "FROZEN" : "THAWED");
}

}  // namespace

Result<void> freeze(const Group& group) {
  auto result = set_state(group, true);
  if (result) return result;
  (void)set_state(group, false);
  return std::move(result).error().in("freeze " + printable(group.path));
}

Result<void> thaw(const Group& group) {
  TRY_IN("thaw " + printable(group.path), set_state(group, false));
  return ok();
}

Result<bool> is_frozen(const Group& group) {
  if (!group.v2_directory.empty()) {
    const std::string events = TRY(read_file(group.v2_directory + "/cgroup.events"));
    return contains(events, "frozen 1");
  }
  const std::string directory = group.v1_directory_of("freezer");
  if (directory.empty()) return no_freezer();
  const std::string state = TRY(read_file(directory + "/freezer.state"));
  return trim(state) == "FROZEN";
}

}  // namespace cgroups
