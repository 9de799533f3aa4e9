#include "engine/recover.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "engine/frames.h"
#include "engine/operations.h"
#include "engine/volumes.h"
#include "runtime/undo.h"

namespace engine {

namespace {

Result<Fd> lock_recovery(const Store& store, int operation) {
  Fd fd = TRY(sys::open((store.run_root() + "/recover.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  TRY(sys::flock(fd.get(), operation));
  return fd;
}

// The end that nobody saw: exit.json has said so since the start; now it gets a time.
Result<void> record_lost_end(const Store& store, const Container& container) {
  if (!container.state.last_exit || container.state.last_exit->finished_ns != 0) return ok();
  ExitRecord record = *container.state.last_exit;
  if (record.started_ns == 0) return ok();  // it never ran: the error of its start stands there
  record.code = kLostExitCode;
  record.finished_ns = now_ns();
  return save_exit(store.container_directory(container.record.id) + "/exit.json", record);
}

// An entry of the trash; its run directory may still hold a journal and, while somebody works on it, a lock.
void empty_one(const Store& store, const std::string& id) {
  const std::string run = store.run_trash_directory(id);
  const auto owner = sys::open((run + "/owner").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (owner && !sys::flock(owner->get(), LOCK_EX | LOCK_NB)) return;
  if (!undo_journal(run)) return;
  (void)store.release_names_of(id);
  (void)store.empty_trash(id);
}

// One container with a run directory.
void recover_one(const Store& store, const std::string& id) {
  const auto owner = store.own(id, false);
  if (!owner) return;  // alive
  if (!path_exists(store.container_directory(id) + "/record.json")) {
    // Killed while it was made, or while it was removed.
    if (!undo_journal(store.run_directory(id))) return;
    (void)store.discard(id);
    (void)store.empty_trash(id);
    return;
  }
  const std::string run = store.run_directory(id);
  if (path_exists(run + "/state.json") || path_exists(run + "/journal.json")) (void)settle(store, id);
}

// Containers without a run directory: the machine went down since.
void recover_after_boot(const Store& store, const std::string& id) {
  const auto container = store.load(id);
  if (!container && container.error().kind() == ErrorKind::kNotFound) {
    (void)store.discard(id);
    empty_one(store, id);
    return;
  }
  if (!container || !store.make_run_directory(id)) return;
  const auto owner = store.own(id, false);
  if (owner) (void)settle(store, id);
}

}  // namespace

Result<Fd> hold_off_recovery(const Store& store) {
  return lock_recovery(store, LOCK_SH);
}

Result<void> undo_journal(const std::string& directory) {
  const std::string path = directory + "/journal.json";
  const auto entries = TRY(runtime::read_journal(path));
  TRY(runtime::undo_all(entries));
  ::unlink(path.c_str());
  return ok();
}

Result<void> settle(const Store& store, const std::string& id) {
  const auto container = TRY(store.load(id));
  // The init outlived its monitor: it is left alone until it ends. Asked of the init itself: a monitor that
  // is killed lets go of its lock some time before it counts as dead.
  if (container.state.pid != 0 && open_process(container.state.run.init)) return ok();
  const std::string run = store.run_directory(id);
  TRY(undo_journal(run));
  // A full or read-only disk does not keep anybody from stopping and removing: the status is derived without
  // it.
  if (!container.record.request.remove) (void)record_lost_end(store, container);
  ::unlink((run + "/state.json").c_str());
  ::unlink((run + "/" + kMonitorSocket).c_str());
  if (!container.record.request.remove) return ok();
  take_anonymous_volumes(store, container.record);
  TRY(store.discard(id));
  return store.empty_trash(id);
}

Result<void> recover(const Store& store) {
  const auto alone = lock_recovery(store, LOCK_EX | LOCK_NB);
  if (!alone) return ok();  // somebody is at it, or makes a container
  const auto trash = TRY(store.trash_ids());
  for (const auto& id : trash)
    empty_one(store, id);
  const auto ids = TRY(store.container_ids());
  for (const auto& id : ids) {
    if (!path_exists(store.run_directory(id))) recover_after_boot(store, id);
  }
  const auto run_ids = TRY(store.run_ids());
  for (const auto& id : run_ids)
    recover_one(store, id);
  return ok();
}

}  // namespace engine
