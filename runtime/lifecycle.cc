#include "runtime/lifecycle.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/ns_set.h"
#include "runtime/create.h"
#include "runtime/gate.h"
#include "runtime/undo.h"

namespace runtime {
namespace {

constexpr int kDeathTimeoutMs = 10'000;
constexpr int kLockTimeoutMs = 10'000;

Error cannot_start(Status status) {
  if (status == Status::kStopped) return conflict("cannot start a container that has stopped");
  if (status == Status::kCreating) return conflict("cannot start a container that is still being created");
  return conflict("cannot start an already running container");
}

bool has_cgroup(const std::optional<ContainerRecord>& record) {
  return record && !record->cgroup.path.empty();
}

bool is_frozen(const std::optional<ContainerRecord>& record) {
  if (!has_cgroup(record)) return false;
  const auto frozen = cgroups::is_frozen(record->cgroup);
  return frozen && *frozen;
}

Result<void> signal_all(const ContainerRecord& record, int signal) {
  const auto pids = TRY(cgroups::processes(record.cgroup));
  for (const pid_t pid : pids) {
    if (::kill(pid, signal) < 0 && errno != ESRCH) return Error::from_errno("kill", errno);
  }
  return ok();
}

// Whether the init is where its record says; if not, what is there belongs to others.
bool is_member(pid_t init, const cgroups::Group& group) {
  const auto text = read_file("/proc/" + std::to_string(init) + "/cgroup");
  if (!text) return true;  // nothing speaks against it
  const auto lines = split(*text, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return contains(line + "/", group.path + "/"); });
}

// A frozen v1 cgroup keeps even SIGKILL waiting, and a frozen v2 cgroup with a dead init would be called
// paused until all of its dead are reaped. `was_frozen` is from before the signal: a v2 cgroup does not say
// "frozen" while one of its processes dies. The thaw is after it: nobody gets a moment between the thaw and
// its death.
void thaw_for_death(const ContainerRecord& record, bool was_frozen) {
  if (was_frozen) (void)cgroups::thaw(record.cgroup);
}

Result<void> kill_and_wait(const CurrentState& state, const std::optional<ContainerRecord>& record) {
  if (!state.init_pidfd) return ok();
  const bool was_frozen = is_frozen(record);
  auto sent = sys::pidfd_send_signal(state.init_pidfd.get(), SIGKILL);
  if (!sent && sent.error().error_number() != ESRCH) return sent;
  if (has_cgroup(record) && is_member(state.init.pid, record->cgroup)) {
    TRY(signal_all(*record, SIGKILL));
    thaw_for_death(*record, was_frozen);
  }
  if (!wait_until_dead(state.init_pidfd.get(), kDeathTimeoutMs))
    return Error::from_errno("the container's init does not die", ETIMEDOUT);
  return ok();
}

// True when no process of the container can be left: its init is dead, and took all of its pid namespace
// along (pid_namespaces(7)), or the host has been booted since. An init that has no record died with its
// creator, which was killed before it could write one (PR_SET_PDEATHSIG), or was never born.
bool has_nobody(const StateDirectory& directory) {
  const auto init = directory.read_init();
  if (!init) return false;
  const auto boot = boot_id();
  if (*init && boot && *boot != (*init)->boot_id) return true;
  const auto live = find_init(directory);
  if (!live || live->pidfd) return false;
  const auto spec = read_kept_spec(directory);
  const auto own = spec ? namespaces::NamespaceSet::from(spec->os.namespaces)
                        : Result<namespaces::NamespaceSet>(spec.error());
  return own && own->is_new("pid");
}

Result<void> undo_groups_of(const StateDirectory& directory, const ContainerRecord& record,
                            std::vector<std::string>& warnings) {
  UnusedGroups groups;
  std::optional<bool> is_unused;  // asked for groups that are in use: config.json is to be read for it
  auto undone = undo_all(record.undo, [&](const Undo& entry, Result<void>& result) {
    if (entry.kind == "cgroup" && !groups.are_anothers()) {
      const auto removed = cgroups::remove_empty_cgroup(entry.target);
      if (!removed) result = removed.error();
      if (!removed || *removed) return true;
      if (!is_unused) is_unused = has_nobody(directory);
    }
    return is_unused.value_or(false) && groups.undo(entry, result);
  });
  if (groups.are_anothers())
    warnings.push_back("cgroup " + record.cgroup.path + " stays: processes of another container are in it");
  return undone;
}

// Of this process or this moment, not of the file: nothing is known yet about a container that may run.
bool is_passing(const Error& error) {
  const int number = error.error_number();
  return number == EMFILE || number == ENFILE || number == ENOMEM;
}

// The state is locked; what is in it is undone. The directory goes last: until then a next delete can go on.
// `record` is null for a container that was killed before it had one.
Result<void> undo_container(const StateDirectory& directory, const ContainerRecord* record,
                            std::vector<std::string>& warnings) {
  if (record) TRY(undo_groups_of(directory, *record, warnings));
  if (record && record->has_poststop) {
    const auto spec = read_kept_spec(directory);
    if (spec) {
      for (auto& text : run_poststop_hooks(spec->hooks.poststop, hook_state(*record, Status::kStopped, 0)))
        warnings.push_back(std::move(text));
    }
    if (!spec) warnings.push_back("poststop hooks: " + spec.error().text());
  }
  return directory.remove();
}

}  // namespace

Result<void> start_container(const std::string& root, const std::string& id) {
  const StateDirectory directory = TRY(StateDirectory::open(root, id));
  const auto record = TRY(directory.read_container());
  // A frozen init would not hear us, and would start when it is resumed, whatever became of us.
  if (is_frozen(record)) return conflict("cannot start a container in the paused state");
  const bool passed = TRY(pass_gate(directory.fd()));
  if (!passed) {
    const CurrentState state = TRY(current_state(directory, record));
    return cannot_start(state.status);
  }
  if (!record || !record->has_poststart) return ok();
  const Spec spec = TRY(read_kept_spec(directory));
  const LiveInit init = TRY(find_init(directory));
  return finish_start(root, *record, spec, init.identity.pid);
}

Result<void> kill_container(const std::string& root, const std::string& id, int signal, Signaled whom) {
  const StateDirectory directory = TRY(StateDirectory::open(root, id));
  const LiveInit init = TRY(find_init(directory));
  // runtime.md "Kill": only of one that is created or running. `delete --force` ends a creation.
  if (init.pidfd && is_being_created(directory, gate_at(directory.fd())))
    return conflict("cannot kill a container that is still being created");
  const bool looks = signal == SIGKILL || whom == Signaled::kAll;
  const auto read = looks ? directory.read_container() : std::optional<ContainerRecord>();
  const std::optional<ContainerRecord> record = read ? *read : std::nullopt;
  const bool was_frozen = signal == SIGKILL && is_frozen(record);
  if (whom == Signaled::kAll) {
    if (!read) return read.error();
    if (has_cgroup(record) && !init.pidfd && has_nobody(directory)) return ok();
    if (has_cgroup(record) && (!init.pidfd || is_member(init.identity.pid, record->cgroup))) {
      TRY(signal_all(*record, signal));
      thaw_for_death(*record, was_frozen);
      return ok();
    }
  }
  if (!init.pidfd) return conflict("container not running");
  auto sent = sys::pidfd_send_signal(init.pidfd.get(), signal);
  if (!sent && sent.error().error_number() == ESRCH) return conflict("container not running");
  TRY(std::move(sent));
  if (!read) return read.error();
  if (record) thaw_for_death(*record, was_frozen);
  return ok();
}

Result<void> delete_container(const std::string& root, const std::string& id, bool force,
                              std::vector<std::string>& warnings) {
  auto opened = StateDirectory::open(root, id);
  if (!opened && opened.error().kind() == ErrorKind::kNotFound && force) return ok();
  const StateDirectory directory = TRY(std::move(opened));
  auto record = directory.read_container();
  if (!record && (!force || is_passing(record.error()))) return std::move(record).error();
  std::optional<ContainerRecord> known = record ? std::move(*record) : std::nullopt;
  auto found = current_state(directory, known);
  if (!found && (!force || is_passing(found.error()))) return std::move(found).error();
  // An init that can't be found is in the cgroup, which is emptied.
  const CurrentState state = found ? std::move(*found) : CurrentState();
  const bool may = force || state.status == Status::kStopped || state.status == Status::kCreated;
  if (!may) {
    return conflict("cannot delete container " + id + " that is not stopped: " + status_name(state.status));
  }
  TRY(kill_and_wait(state, known));
  auto locked = directory.lock(kLockTimeoutMs);
  if (!locked && locked.error().kind() == ErrorKind::kNotFound && force) return ok();
  TRY(std::move(locked));
  // A creator that was at work until now may have written it meanwhile.
  if (!known) {
    auto written = directory.read_container();
    if (!written) {
      warnings.push_back("what container " + id +
                         " left on the host is not known: " + written.error().text());
    } else {
      known = std::move(*written);
    }
  }
  return undo_container(directory, known ? &*known : nullptr, warnings);
}

Result<void> delete_ended(const Made& made, std::vector<std::string>& warnings) {
  auto locked = made.directory.lock(kLockTimeoutMs);
  if (!locked && locked.error().kind() == ErrorKind::kNotFound) return ok();
  TRY(std::move(locked));
  return undo_container(made.directory, &made.record, warnings);
}

Result<void> pause_container(const std::string& root, const std::string& id) {
  const StateDirectory directory = TRY(StateDirectory::open(root, id));
  const auto record = TRY(directory.read_container());
  const CurrentState state = TRY(current_state(directory, record));
  const bool is_running = state.status == Status::kRunning || state.status == Status::kCreated;
  if (!is_running) return conflict("container not running");
  if (!has_cgroup(record)) return unsupported("the container has no cgroup: it can't be paused");
  return cgroups::freeze(record->cgroup);
}

Result<void> resume_container(const std::string& root, const std::string& id) {
  const StateDirectory directory = TRY(StateDirectory::open(root, id));
  const auto record = TRY(directory.read_container());
  const CurrentState state = TRY(current_state(directory, record));
  if (state.status != Status::kPaused) return conflict("container not paused");
  return cgroups::thaw(record->cgroup);
}

}  // namespace runtime
