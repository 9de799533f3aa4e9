// Whether a container runs, and how it ended. state.json (/run: the processes) and exit.json (/var/lib: the
// end) are written by the monitor; the status is derived from them and the process table, never believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/process.h"
#include "base/result.h"

namespace engine {

enum class Status { kCreated, kRunning, kPaused, kRestarting, kRemoving, kExited, kDead };
// Docker's word: "running".
const char* status_name(Status status);

// state.json, a superset of the runtime-spec's state.
struct RunState {
  ProcessIdentity init;
  ProcessIdentity monitor;
  std::string boot_id;
  std::string bundle;
  std::string cgroup;  // of the container, below every controller's mount point
  int64_t started_ns = 0;
  bool paused = false;
};
Result<RunState> read_state(const Json& document);
Json write_state(const std::string& container_id, const RunState& state);

inline constexpr int kLostExitCode = 255;  // of an init whose end nobody saw

// exit.json
struct ExitRecord {
  int code = 0;    // as a shell prints it: 128 + n for signal n
  int signal = 0;  // 0: exited
  bool oom_killed = false;
  std::string error;  // why it could not be started, or "monitor lost", "reboot"
  int64_t started_ns = 0;
  int64_t finished_ns = 0;
};
Result<ExitRecord> read_exit(const Json& document);
Json write_exit(const ExitRecord& exit);
// Writes exit.json at `path`; on a full disk into the blocks of the one that is there, so that how a
// container ended is known all the same. kSystem.
Result<void> save_exit(const std::string& path, const ExitRecord& exit);

// The truth about one container at this moment.
struct CurrentState {
  Status status = Status::kCreated;
  bool monitored = true;  // running without a monitor: it was killed
  pid_t pid = 0;          // of init when running
  RunState run;           // when running
  std::optional<ExitRecord> last_exit;
};

// Derives the status: running when the init of state.json is that very process, in this boot; otherwise
// exited with exit.json, exited with 255 when the end was not seen (kill of the monitor, reboot), or created.
CurrentState derive_state(const std::optional<RunState>& state, const std::optional<ExitRecord>& exit,
                          const std::string& this_boot);

}  // namespace engine
