// stop, kill, wait and rm.
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <time.h>    // NOLINT(modernize-deprecated-headers): nanosleep

#include <cerrno>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/group.h"
#include "engine/frames.h"
#include "engine/operations.h"
#include "engine/recover.h"
#include "engine/volumes.h"
#include "runtime/undo.h"

namespace engine {

namespace {

constexpr int kDeathMs = 10'000;  // after SIGKILL
constexpr int64_t kSettleNs = 10'000'000'000;
constexpr int kMsPerSecond = 1000;

// The owner's lock as soon as the monitor has let it go; kConflict after 10 seconds.
Result<Fd> own_soon(const Store& store, const std::string& id) {
  const int64_t deadline = monotonic_ns() + kSettleNs;
  for (int64_t pause_ns = 200'000;; pause_ns = std::min<int64_t>(pause_ns * 2, 20'000'000)) {
    auto owner = store.own(id, false);
    if (owner || owner.error().kind() != ErrorKind::kConflict || monotonic_ns() > deadline) return owner;
    const timespec pause = {0, static_cast<long>(pause_ns)};
    ::nanosleep(&pause, nullptr);
  }
}

// After the init's death: until the monitor, or we in its place, have told the end and cleaned up. The
// owner's lock, or none when its monitor has removed it: what is then in the trash is the monitor's, with a
// journal that it still needs.
Result<Fd> settle_dead(const Store& store, const std::string& id, bool wait = true) {
  if (!path_exists(store.run_directory(id))) return Fd();
  auto owner = wait ? own_soon(store, id) : store.own(id, false);
  if (!owner && owner.error().error_number() == ENOENT) return Fd();
  if (!owner) return std::move(owner).error();
  if (!path_exists(store.container_directory(id))) return Fd();
  TRY(settle(store, id));
  return owner;
}

// SIGKILL to everything in the container, and to its init should the cgroup not help.
Result<void> kill_tree(const Container& container, int pidfd) {
  const auto layout = cgroups::read_layout();
  if (layout) {
    const auto group = cgroups::group_at(*layout, container.state.run.cgroup);
    if (group) (void)cgroups::kill_all(*group);
  }
  (void)sys::pidfd_send_signal(pidfd, SIGKILL);
  if (wait_until_dead(pidfd, kDeathMs)) return ok();
  return conflict(
      "container " + container.record.id +
      " did not die of SIGKILL within 10 seconds: a process of it hangs in the kernel (state D in ps)");
}

Error not_running(const Container& container) {
  return conflict("container " + container.record.id + " is not running");
}

Result<Fd> kill_and_settle(const Store& store, const Container& container) {
  const auto pidfd = open_process(container.state.run.init);
  if (pidfd) TRY(kill_tree(container, pidfd->get()));
  return settle_dead(store, container.record.id);
}

// A container whose record can't be read is removed by what its directory names say.
Result<void> remove_damaged(const Store& store, const std::string& id) {
  const auto owner = TRY(own_soon(store, id));
  const auto entries = TRY(runtime::read_journal(store.run_directory(id) + "/journal.json"));
  TRY(runtime::undo_all(entries));
  TRY(store.discard(id));
  return store.empty_trash(id);
}

// kConflict with EAGAIN while somebody makes, starts or cleans up the container: they hold the owner's lock
// and may wait for the one that is held here, so this does not wait for them.
Result<void> try_to_remove(const Store& store, const std::string& id, const RemoveRequest& request) {
  const Fd lock = TRY(store.lock(id));
  auto container = store.load(id);
  if (!container) {
    const bool is_damaged = container.error().kind() != ErrorKind::kNotFound;
    if (is_damaged && request.force) return remove_damaged(store, id);
    return std::move(container).error();
  }
  const bool is_running = container->state.pid != 0;
  if (is_running && !request.force) {
    return conflict("cannot remove container \"/" + container->record.name +
                    "\": container is running: stop the container before removing or force remove");
  }
  const auto owner = is_running ? kill_and_settle(store, *container) : settle_dead(store, id, false);
  if (!owner && !is_running && owner.error().kind() == ErrorKind::kConflict)
    return Error(ErrorKind::kConflict, owner.error().text(), EAGAIN);
  if (!owner) return Error(owner.error());
  if (!*owner && !path_exists(store.container_directory(id))) return ok();
  if (request.volumes || container->record.request.remove) take_anonymous_volumes(store, container->record);
  TRY(store.discard(id));
  return store.empty_trash(id);
}

}  // namespace

Result<void> stop_container(const Store& store, const std::string& ref, const StopRequest& request) {
  const Container container = TRY(store.find(ref));
  const ContainerRecord& record = container.record;
  if (container.state.pid == 0) return ok();
  const std::string name = request.signal.empty() ? record.stop_signal : request.signal;
  const int signal = TRY(parse_signal(name));
  const int timeout_s =
      request.timeout_s.value_or(record.request.stop_timeout_s.value_or(kDefaultStopTimeoutS));
  const auto pidfd = open_process(container.state.run.init);
  if (!pidfd) {
    TRY(settle_dead(store, record.id));
    return ok();
  }
  if (timeout_s != 0) TRY(sys::pidfd_send_signal(pidfd->get(), signal));
  const int timeout_ms = timeout_s < 0 ? -1 : timeout_s * kMsPerSecond;
  if (timeout_s == 0 || !wait_until_dead(pidfd->get(), timeout_ms)) TRY(kill_tree(container, pidfd->get()));
  TRY(settle_dead(store, record.id));
  return ok();
}

Result<void> kill_container(const Store& store, const std::string& ref, const std::string& signal) {
  const int number = TRY(parse_signal(signal.empty() ? "KILL" : signal));
  const std::string what = "cannot kill container: " + ref;
  const Container container = TRY_IN(what, store.find(ref));
  if (container.state.pid == 0) return std::move(not_running(container)).in(what);
  if (number == SIGKILL) {
    TRY(kill_and_settle(store, container));
    return ok();
  }
  const auto pidfd = open_process(container.state.run.init);
  if (!pidfd) return std::move(not_running(container)).in(what);
  return sys::pidfd_send_signal(pidfd->get(), number);
}

Result<int> wait_container(const Store& store, const std::string& ref) {
  Container container = TRY(store.find(ref));
  const std::string id = container.record.id;
  if (container.state.pid != 0) {
    const auto socket = connect_to(store.run_directory(id), kMonitorSocket);
    if (socket) {
      (void)send_frame(socket->get(), FrameKind::kAttach, pack_numbers({0}), true);
      for (auto frame = receive_frame(socket->get(), true); frame;
           frame = receive_frame(socket->get(), true)) {
        if (frame->kind == FrameKind::kExit) return static_cast<int>(number_at(frame->payload, 0));
      }
    }
    // No monitor, or it was killed meanwhile: the init itself is waited for.
    const auto pidfd = open_process(container.state.run.init);
    if (pidfd) wait_until_dead(pidfd->get(), -1);
    TRY(settle_dead(store, id));
    container = TRY(store.load(id));
  }
  return container.state.last_exit ? container.state.last_exit->code : 0;
}

Result<void> remove_container(const Store& store, const std::string& ref, const RemoveRequest& request) {
  TRY(store.prepare());
  TRY(recover(store));
  const std::string id = TRY(store.resolve(ref));
  const int64_t deadline = monotonic_ns() + kSettleNs;
  for (;;) {
    auto removed = try_to_remove(store, id, request);
    const bool is_busy = !removed && removed.error().error_number() == EAGAIN;
    if (!is_busy || monotonic_ns() > deadline) return removed;
    constexpr timespec kPause = {0, 2'000'000};
    ::nanosleep(&kPause, nullptr);
    if (!path_exists(store.container_directory(id))) return not_found("No such container: " + ref);
  }
}

}  // namespace engine
