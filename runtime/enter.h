// One more process in a container that vial-oci made: what `exec` does with its state directory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/launch.h"
#include "runtime/spec.h"

namespace runtime {

struct EnterRequest {
  std::string root;  // of the state directories
  std::string id;
  // Makes the process out of the container's own (as config.json has it), with what the user typed.
  std::function<Result<Process>(const Process&)> choose_process;
  bool ignore_paused = false;
  bool is_detached = false;
  std::string pid_file;
  std::string console_socket;
  std::string pidfd_socket;
  std::vector<std::string> sub_cgroups;  // as cgroups::group_below() reads them; must exist
  unsigned preserve_fds = 0;
  std::function<void()> on_terminal;  // called before the launch of a process with a terminal of the caller's
};

struct Entered {
  std::unique_ptr<Launched> launched;
  std::vector<std::string> warnings;
};

// The process runs when this returns. To be called sealed (runtime/seal.h). Errors: kNotFound "container does
// not exist"; kConflict "cannot exec in a stopped container", "cannot exec in a paused container (use
// --ignore-paused to override)"; those of make_exec_plan() and launch(). Nothing is left then.
Result<Entered> enter_container(const EnterRequest& request);

// A terminal needs somebody at its other end: the socket's owner, or a caller who stays. kInvalid, in runc's
// words.
Result<void> check_console(bool is_terminal, bool stays, const std::string& console_socket);
// A terminal that says no size has the caller's from its first moment on; without one on standard input
// nothing changes.
void settle_window_size(Process& process);

// The process of --process: whatever it does not say is the container's, as with runc: capabilities, limits,
// labels, the out-of-memory score, how it is scheduled and on which CPUs.
// Errors of read_process() and validate_process(), with pointers into that document.
Result<Process> read_exec_process(const std::string& text, const Process& own);

}  // namespace runtime
