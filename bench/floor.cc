// The floor: the least that any runtime must do for a container. One clone3 with five namespaces, proc, /dev
// and sysfs mounted, pivot_root, execve, wait. No cgroup, no overlay, no seccomp, no state, no error text.
//   floor ROOTFS COMMAND [ARG...]
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

[[noreturn]] void child(char** argv) {
  const char* root = argv[1];
  bool good = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  good = good && ::mount(root, root, nullptr, MS_BIND | MS_REC, nullptr) == 0 && ::chdir(root) == 0;
  good = good && ::mount("proc", "proc", "proc", 0, nullptr) == 0;
  good = good && ::mount("tmpfs", "dev", "tmpfs", 0, "mode=755") == 0;
  good = good && ::mount("sysfs", "sys", "sysfs", MS_RDONLY, nullptr) == 0;
  good = good && ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         ::chdir("/") == 0;
  if (good) ::execve(argv[2], argv + 2, environ);
  ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC;
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return 1;
  if (pid == 0) child(argv);
  int status = 0;
  ::waitpid(static_cast<pid_t>(pid), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
