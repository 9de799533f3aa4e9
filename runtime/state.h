// A container's state directory, ROOT/ID, and its status, derived from what the kernel and that directory say
// at this moment. What is in the directory:
//   container.json  init.json   runtime/container_record.h
//   config.json                 the bundle's, as it was when the container was made: for exec and hooks
//   gate                        runtime/gate.h; there until the container is started
// Beside them ROOT/@seccomp/N.bpf, filters compiled for earlier containers (security/filter_cache.h).
// The directory itself is locked (flock(2)) by who makes or deletes the container.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "runtime/container_record.h"
#include "runtime/gate.h"

namespace runtime {

inline constexpr const char* kDefaultStateRoot = "/run/vial-oci";

// kInvalid, in runc's words, unless `id` is made of letters, digits, "_", "+", ",", "-" and ".", is a name of
// its own (not "." or "..") and at most 255 bytes long.
Result<void> check_id(const std::string& id);

// Where the root's containers find their compiled filters (security/filter_cache.h). No container's id has an
// "@".
inline std::string filter_cache(const std::string& root) {
  return root + "/@seccomp";
}

class StateDirectory {
 public:
  StateDirectory() = default;  // none yet
  // Makes ROOT/ID (0700, and ROOT when missing) and locks it. kConflict, in runc's words, when the id is in
  // use.
  static Result<StateDirectory> make(const std::string& root, const std::string& id);
  // kNotFound "container does not exist".
  static Result<StateDirectory> open(const std::string& root, const std::string& id);

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  const std::string& id() const { return id_; }
  std::string file(const char* name) const { return path_ + "/" + name; }

  // Each of the files is written once, but the init's for a second time where runtime/joined_pid.h makes it
  // another process.
  Result<void> write_container(const ContainerRecord& record) const;
  Result<void> write_init(const ProcessIdentity& init) const;
  // nullopt when its writer has not come that far, or was killed just then. kCorrupt for a damaged file.
  Result<std::optional<ContainerRecord>> read_container() const;
  Result<std::optional<InitRecord>> read_init() const;

  // Waits until whoever makes or deletes the container has done so; kConflict after `timeout_ms`, kNotFound
  // when the directory was deleted meanwhile.
  Result<void> lock(int timeout_ms) const;
  void unlock() const;
  bool is_locked_by_another() const;
  // The directory with all that is in it.
  Result<void> remove() const;

 private:
  StateDirectory(std::string id, std::string path, Fd fd)
      : id_(std::move(id)), path_(std::move(path)), fd_(std::move(fd)) {}
  std::string id_;
  std::string path_;
  Fd fd_;
};

// Whether somebody is making the container whose init is there and whose gate is this: locked, and not open
// yet.
bool is_being_created(const StateDirectory& directory, Gate gate);

enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };
const char* status_name(Status status);  // the spec's word

struct CurrentState {
  Status status = Status::kStopped;
  // Open when the init lives: unless stopped (or creating without an init yet). A stopped container has one,
  // too, when its creator was killed before the gate was open: that init waits in vain, and who deletes kills
  // it.
  Fd init_pidfd;
  ProcessIdentity init;
};

// The init alone, for commands that need no more: closed when it is dead or not there yet.
struct LiveInit {
  Fd pidfd;
  ProcessIdentity identity;
};
Result<LiveInit> find_init(const StateDirectory& directory);

// `record` may be absent: a container whose creation has not come far, or was killed.
Result<CurrentState> current_state(const StateDirectory& directory,
                                   const std::optional<ContainerRecord>& record);

// The ids below ROOT, sorted; none when there is no ROOT.
Result<std::vector<std::string>> container_ids(const std::string& root);

}  // namespace runtime
