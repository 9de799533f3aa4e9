// vial-init: pid 1 of containers started with --init. It runs one program, hands every signal on to it, reaps
// what is orphaned, and ends with the program's code. Static, without libraries of ours: it is bound into
// containers of any image.
#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

namespace {

constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;
constexpr int kSignalBase = 128;

void say(const char* text) {
  (void)!::write(STDERR_FILENO, text, std::strlen(text));
}

[[noreturn]] void run_program(char** argv, const sigset_t& mask) {
  // A process group of its own, in the foreground of the terminal if there is one: job control works.
  ::setpgid(0, 0);
  ::signal(SIGTTOU, SIG_IGN);
  ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
  ::signal(SIGTTOU, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvp(argv[0], argv);
  const int error = errno;
  say("vial-init: exec ");
  say(argv[0]);
  say(error == ENOENT ? ": no such file or directory\n" : ": it can't be executed\n");
  ::_exit(error == ENOENT ? kNotFound : kNotExecutable);
}

// Reaps all that ended; true and `code` when the program is among them.
bool reap(pid_t program, int& code) {
  bool is_over = false;
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
    if (pid != program) continue;
    is_over = true;
    code = WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return is_over;
}

}  // namespace

int main(int argc, char** argv) {
  int first = 1;
  if (argc > 1 && std::strcmp(argv[1], "--") == 0) first = 2;
  if (first >= argc) {
    say("usage: vial-init [--] PROGRAM [ARGUMENT...]\n");
    return kNotFound;
  }
  // Not pid 1 (with --pid host): orphans come to us all the same.
  if (::getpid() != 1) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU})
    ::sigdelset(&all, signal);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t program = ::fork();
  if (program == 0) run_program(argv + first, before);
  if (program < 0) {
    say("vial-init: fork failed\n");
    return kNotExecutable;
  }
  for (int code = 0;;) {
    siginfo_t info = {};
    const int signal = ::sigwaitinfo(&all, &info);
    if (signal == SIGCHLD) {
      if (reap(program, code)) return code;
    } else if (signal > 0) {
      ::kill(program, signal);
    }
  }
}
