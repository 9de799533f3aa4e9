// Processes: how one ended, how to hold one without a race, how to run a program.
// A process is identified in memory by a pidfd and on disk by a ProcessIdentity and the boot id; a bare pid
// is for printing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

// How a process ended, decoded once from wait(2)'s status.
class ExitStatus {
 public:
  static ExitStatus exited(int code) { return ExitStatus(code, 0); }
  static ExitStatus signaled(int signal) { return ExitStatus(0, signal); }
  static ExitStatus from_wait_status(int status);
  // n for exit(n), 128 + n for a death by signal n: what a shell and docker print.
  int shell_code() const { return signal_ != 0 ? 128 + signal_ : code_; }
  int signal() const { return signal_; }
  std::string text() const;  // "exited with code 3", "was killed by signal 9 (KILL)"

 private:
  ExitStatus(int code, int signal) : code_(code), signal_(signal) {}
  int code_;
  int signal_;
};

// Waits for the child behind `pidfd` (our own child) and reaps it. waitid(2), P_PIDFD.
Result<ExitStatus> wait_for(int pidfd);
// True when the process behind `pidfd` has ended within `timeout_ms` (-1: for ever). poll(2) on a pidfd.
bool wait_until_dead(int pidfd, int timeout_ms);

// The process on disk: its pid, and what no other process of this boot has together with it. That is the
// inode of its pidfd where pidfds are files of pidfs (Linux 6.9, pidfd_open(2)), a number never given twice;
// else 0, and start_ticks is field 22 of /proc/PID/stat, in clock ticks since boot, which costs twenty times
// as much to read.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_ticks = 0;
  uint64_t inode = 0;
  bool operator==(const ProcessIdentity&) const = default;
};
// kNotFound when there is no such process (zombies count as existing here).
Result<ProcessIdentity> identify(pid_t pid);
// The same for a process whose pidfd is at hand.
Result<ProcessIdentity> identify(pid_t pid, int pidfd);
// A pidfd of that very process; kNotFound if it is gone, is a zombie, or its pid serves another process now.
// Other errors (EMFILE) say nothing about it.
Result<Fd> open_process(const ProcessIdentity& identity);
// True once the process has executed a program since it was forked: without the flag PF_FORKNOEXEC in field 9
// of /proc/PID/stat, which is the 1 under F of ps(1). kNotFound when it is gone; a zombie is what it was.
Result<bool> has_executed(pid_t pid);
// The pid, in our pid namespace, of the process behind `pidfd`: "Pid:" of its fdinfo (pidfd_open(2)).
// kNotFound when it is gone or not in sight.
Result<pid_t> pid_of(int pidfd);
// This boot's /proc/sys/kernel/random/boot_id, without the newline.
Result<std::string> boot_id();

// What execve(2) takes: pointers into `strings`, which must outlive them, and a null behind.
std::vector<char*> exec_pointers(const std::vector<std::string>& strings);

struct CommandOutput {
  ExitStatus status = ExitStatus::exited(0);
  std::string out;
  std::string err;
};
// Runs a program of the host (argv[0] a path or found in PATH) with `input` on stdin, and collects its
// output.
Result<CommandOutput> run_command(const std::vector<std::string>& argv, const std::string& input = "");

// Sets the name that ps shows (comm, 15 bytes): "vial:monitor". prctl(2) PR_SET_NAME.
void name_process(const char* name);

// The number of a signal: "TERM", "SIGTERM", "term" or "15"; kInvalid otherwise (docker's words).
Result<int> parse_signal(const std::string& text);
// "TERM" for 15; the number itself when it has no name.
std::string signal_name(int signal);
