// The init's own steps: waiting for the host, the console, standard streams, the working directory, the
// program.
#pragma once

#include <string>
#include <vector>

#include "base/step.h"
#include "runtime/spec.h"

namespace runtime {

// Waits for kConfigured: the host has written id maps and attached the network.
StepPtr wait_for_host_step();

// Makes a pty in the container's devpts, sends its master to the launcher and keeps the slave in
// context.console_fd. For a container's first process the slave is shown as /dev/console, too. Everything by
// descriptor: the slave comes from TIOCGPTPEER, never from a path (CVE-2025-52565).
enum class ConsoleDevice { kShow, kLeave };
StepPtr console_step(const Process& process, ConsoleDevice device);

// A new session; with a terminal the pty becomes its controlling terminal and descriptors 0-2; without,
// context.stdio does. A stream that is the host's /dev/null is opened anew from the container's own.
StepPtr stdio_step(bool terminal);

// Enters the directory and makes sure that it is below the root (CVE-2024-21626). A missing one is made with
// `is_made`, else kNotFound in runc's words.
StepPtr working_directory_step(const std::string& path, bool is_made);

// Finds the program as execvp(3) would, with the container's PATH, so that a missing one is an error of
// create. Errors: kNotFound "executable file not found in $PATH" or "no such file or directory", kSystem
// EACCES "permission denied".
StepPtr find_executable_step(const std::vector<std::string>& args, const std::vector<std::string>& env);

// Sends warnings and kReady, then waits for kStart.
StepPtr ready_step();

// Marks every descriptor above 2 + preserve_fds close-on-exec, and execve. Returns only with an error.
StepPtr exec_step(std::vector<std::string> args, std::vector<std::string> env, unsigned preserve_fds);

}  // namespace runtime
