// A step: one kernel operation as data. A container is a list of steps (runtime/plan makes it,
// runtime/perform walks it); every view (--explain, --dry-run, --as-shell, errors, undo, fault tests,
// benchmark phases) reads the same list. A step kind lives in the room of its mechanism, derives from Step,
// and knows how to do, say, spell, explain and undo itself. This header knows no mechanism. Inheritance has
// its reason here: kinds come from rooms that may not include each other, and engine puts its own into a plan
// that runtime performs.
#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

// Who performs it: the launching process on the host, before or after clone, or the child that becomes the
// container.
enum class Lane { kHost, kInit };

// Why a step is there, for people who learn: one sentence, and the page to read, as "mount(2)".
struct Reason {
  std::string text;
  std::string man;
};

// How to take back what a step left on the host, as data: journalled before the step is done, so that another
// process can do it after a kill. Doing it twice, or when the step was never done, is no error.
//   kind    "cgroup" (kill all in it, rmdir), "scope" (of systemd), "directory" (remove the tree), "file";
//   engine adds network kinds target  what it is done to, an absolute path or a name
struct Undo {
  std::string kind;
  std::string target;
  bool operator==(const Undo&) const = default;
};

// What the steps of one container hand to each other while they are performed. Each field names who fills it.
struct StepContext {
  // host lane
  Fd cgroup_fd;  // the v2 cgroup's directory for CLONE_INTO_CGROUP (cgroups)
  // v1 "tasks" files, opened by the host: a child that is not its root may write but not open them (cgroups)
  std::vector<Fd> cgroup_task_fds;
  pid_t init_pid = 0;  // the container's pid 1 as the host sees it (runtime)
  Fd init_pidfd;
  // init lane; all descriptors are close-on-exec
  Fd root_fd;  // O_PATH of the rootfs while it is built (namespaces)
  Fd proc_fd;  // a procfs of the container's pid namespace that nothing is mounted over, for writes
               // (namespaces)
  // mounts that the host made for the init, by the number that the plan gave them (namespaces)
  std::vector<Fd> trees;
  Fd null_fd;               // our own /dev/null, checked to be 1:3, for masks and stdio (namespaces)
  Fd empty_directory_fd;    // a detached empty read-only tmpfs, for masked directories (namespaces)
  Fd console_fd;            // the slave of the container's pty (runtime)
  std::array<Fd, 3> stdio;  // what becomes 0, 1, 2; a closed one: what the caller has there (runtime)
  std::string executable;   // the resolved path of the program (runtime)
  std::string home;         // "HOME=..." for a program whose environment has none (runtime)
  Fd target_pidfd;          // exec: the init of the container that is joined (runtime)
  bool in_child = false;    // set on the init's side of clone (runtime)
  int handshake_fd = -1;    // borrowed: the init's end of the handshake socket (runtime)
  // a start that joins a pid namespace: that, and the procfs of it, for one mount each (runtime)
  Fd pid_namespace_fd;
  std::vector<Fd> proc_filesystems;
  Fd gate_fd;           // where the init waits when its creator is gone before the start; closed: it has none
                        // (runtime)
  Fd seccomp_agent_fd;  // connected to the agent that answers a filter's notifications (security)
  // with hooks of the host: on which the lanes wait for each other (runtime)
  Fd hooks_host_fd;
  Fd hooks_init_fd;
  std::vector<Fd> kept;  // whatever else a host step must hold open until a later step
  // What a person should know although nothing failed ("kept the hard limit ..."), in the lane's own process;
  // runtime carries it to the caller (any room).
  std::vector<std::string> warnings;
};

class Step {
 public:
  Step(Lane lane, std::string name) : lane_(lane), name_(std::move(name)) {}
  virtual ~Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  Step(Step&&) = delete;
  Step& operator=(Step&&) = delete;

  Lane lane() const { return lane_; }
  // Short and stable, for errors and tables: "mount proc on /proc", "drop capabilities".
  const std::string& name() const { return name_; }

  // Does it. In the init lane this runs after clone3 in a copy of a single-threaded process: system calls
  // only; memory may be allocated to report a failure. Everything that can be parsed, looked up or compiled
  // was so in the constructor.
  virtual Result<void> perform(StepContext& context) const = 0;

  // The system calls with their arguments, as strace(1) would print them, several joined by "; ".
  virtual std::string say() const = 0;

  // Lines of POSIX shell that do the same with busybox or util-linux; a line starting with '#' says what
  // shell can't. $ROOT is the rootfs while it is built. In the init lane the lines run inside `unshare`.
  virtual std::string shell() const = 0;
  // Where its shell lines belong, when that is not its lane (a cgroup is joined before unshare(1)).
  virtual Lane shell_lane() const { return lane_; }

  virtual Reason why() const = 0;

  // What must be undone on the host when this step was done or begun; empty for what dies with the
  // namespaces.
  virtual std::vector<Undo> undo() const { return {}; }

  // What the step changes, as text, read now: a namespace's inode, a file's content, a capability set. Called
  // before and after perform, only when a view asks; empty when there is nothing to compare.
  virtual std::string observe(const StepContext& /*context*/) const { return {}; }

 private:
  Lane lane_;
  std::string name_;
};

using StepPtr = std::unique_ptr<const Step>;
using Plan = std::vector<StepPtr>;
