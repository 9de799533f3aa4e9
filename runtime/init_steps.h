// The init's own steps: waiting for the host, the console, standard streams, the working directory, the
// program.
#pragma once

#include <string>
#include <vector>

#include "base/step.h"
#include "runtime/spec.h"

namespace runtime {

// Waits for kConfigured: the host has written id maps and attached the network.
StepPtr wait_for_host_step(Reason why);

// Makes a pty in the container's devpts, sends its master to the launcher and keeps the slave in
// context.console_fd. For a container's first process the slave is shown as /dev/console, too. Everything by
// descriptor: the slave comes from TIOCGPTPEER, never from a path (CVE-2025-52565).
enum class ConsoleDevice { kShow, kLeave };
StepPtr console_step(const Process& process, ConsoleDevice device);

// A new session; with a terminal the pty becomes its controlling terminal and descriptors 0-2; without,
// context.stdio does. A stream that is the host's /dev/null is opened anew from the container's own.
StepPtr stdio_step(bool terminal);

// Host lane: the pipes among the container's streams become the user's (`host_uid`), who else could write to
// them but not open them: programs that log to /dev/stdout open it. What is no pipe stays as it is.
StepPtr give_streams_step(uid_t host_uid);

// Makes the directory before the root becomes read-only. Errors: none; entering it tells what is wrong.
StepPtr make_working_directory_step(const std::string& path);

// Enters the directory and makes sure that it is below the root (CVE-2024-21626). A missing one is made with
// `is_made`, else kNotFound in runc's words.
StepPtr working_directory_step(const std::string& path, bool is_made);

// The user's home directory by the container's own /etc/passwd, "/" for a user who is not there, is put into
// the environment: callers (dockerd, containerd) count on it. For environments without HOME, or an empty one.
StepPtr home_step(uint32_t uid);

// The environment as the program gets it: of a name that is given twice the last value, which C libraries
// would not find. Entries without "=" stay.
std::vector<std::string> settle_environment(const std::vector<std::string>& env);

// Finds the program as execvp(3) would, with the container's PATH, so that a missing one is an error of
// create. Errors: kNotFound "executable file not found in $PATH" or "no such file or directory", kSystem
// EACCES "permission denied".
StepPtr find_executable_step(const std::vector<std::string>& args, const std::vector<std::string>& env);

// Sends warnings and kReady, then waits for kStart.
StepPtr ready_step();

// Marks every descriptor above 2 + preserve_fds close-on-exec and, with `outlives`, lets the process outlive
// who started it. Before the filters: nothing but execve(2) may have to follow one. close_range(2).
StepPtr let_go_step(unsigned preserve_fds, bool outlives);

// execve; with `outlives` the process outlives from here on who started it. Returns only with an error.
StepPtr exec_step(std::vector<std::string> args, std::vector<std::string> env, bool outlives);

}  // namespace runtime
