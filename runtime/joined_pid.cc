#include "runtime/joined_pid.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGCHLD
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/file_system.h"
#include "runtime/handshake.h"
#include "runtime/newcomer.h"

namespace runtime {
namespace {

constexpr unsigned kFirstOther = 3;

class OpenPidNamespace : public Step {
 public:
  explicit OpenPidNamespace(std::string path)
      : Step(Lane::kHost, "open the pid namespace"), path_(std::move(path)) {}
  Result<void> perform(StepContext& context) const override {
    context.pid_namespace_fd = TRY(sys::open(path_.c_str(), O_RDONLY));
    return ok();
  }
  std::string say() const override { return "open(" + path_ + ")"; }
  std::string shell() const override {
    return "# join: nsenter(1), which starts what is in here, takes " + shell_quote(path_) +
           "\n# (who is in there can look at what is below while it runs: vial itself does it from outside)";
  }
  Reason why() const override { return {"shares this namespace with whoever made it", "setns(2)"}; }

 private:
  std::string path_;
};

Result<pid_t> fork_child() {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  return sys::clone3(arguments);
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

class OpenJoinedProcfs : public Step {
 public:
  OpenJoinedProcfs(size_t count, bool no_pivot)
      : Step(Lane::kHost, "open procfs inside of the pid namespace"), count_(count), no_pivot_(no_pivot) {}

  Result<void> perform(StepContext& context) const override {
    auto [ours, theirs] = TRY(open_handshake());
    const pid_t helper = TRY(fork_child());
    if (helper == 0) {
      auto done = enter(context.pid_namespace_fd.get(), theirs.get());
      if (!done) (void)send_failure(theirs.get(), 0, done.error());
      ::_exit(done ? 0 : 1);
    }
    theirs.reset();
    auto taken = take(context, ours.get());
    ours.reset();
    (void)exit_code_of(helper);
    return taken;
  }
  std::string say() const override {
    return std::string("fork(); unshare(all but user and pid); ") + (no_pivot_ ? "chroot" : "pivot_root") +
           "(an empty tmpfs); setns(PIDNS, pid); fork(); " + std::to_string(count_) +
           " * fsopen(proc); sendmsg(SCM_RIGHTS)";
  }
  std::string shell() const override { return "# (mount(8), inside of the pid namespace, opens it)"; }
  Reason why() const override {
    return {
        "a procfs shows the pid namespace of whoever opens it, and who builds the root is not seen in there",
        "pid_namespaces(7)"};
  }

 private:
  // In the helper, which is outside and lets go of everything; its child is inside.
  Result<void> enter(int pid_namespace_fd, int answers_fd) const {
    TRY(sys::prctl(PR_SET_DUMPABLE, 0));
    TRY(sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
    forget_environment();
    TRY(sys::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
    TRY(empty_root());
    TRY_IN("join the pid namespace", sys::setns(pid_namespace_fd, CLONE_NEWPID));
    TRY(close_others({answers_fd}, 0));
    const pid_t inside = TRY(fork_child());
    if (inside == 0) {
      auto opened = open_all(answers_fd);
      if (!opened) (void)send_failure(answers_fd, 0, opened.error());
      ::_exit(opened ? 0 : 1);
    }
    (void)exit_code_of(inside);
    return ok();
  }

  Result<void> empty_root() const {
    mount_attr attributes = {};
    attributes.propagation = MS_PRIVATE;
    TRY(sys::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, attributes));
    const Fd filesystem = TRY(sys::fsopen("tmpfs"));
    const Fd mount = TRY(namespaces::detached_mount(filesystem.get(), {}, MOUNT_ATTR_RDONLY));
    TRY(sys::fchdir(mount.get()));
    if (no_pivot_) return sys::chroot(".");
    const Fd root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
    TRY(sys::move_mount(mount.get(), root.get()));
    TRY(sys::pivot_root(".", "."));
    return sys::umount2(".", MNT_DETACH);
  }

  Result<void> open_all(int answers_fd) const {
    for (size_t i = 0; i < count_; ++i) {
      const Fd filesystem = TRY(sys::fsopen("proc"));
      TRY(send_message(answers_fd, Message::kOpened, "", filesystem.get()));
    }
    return ok();
  }

  Result<void> take(StepContext& context, int answers_fd) const {
    for (size_t i = 0; i < count_; ++i) {
      Received received = TRY(receive_message(answers_fd));
      // Its socket was in sight of who is inside: nothing of it is believed, or printed as it is.
      if (received.message == Message::kFailed)
        return Error(ErrorKind::kSystem, printable(received.text), received.error->error_number());
      if (received.message != Message::kOpened || !received.fd)
        return Error::from_errno("the process that opens procfs inside was killed", ECHILD);
      context.proc_filesystems.push_back(std::move(received.fd));
    }
    return ok();
  }

  size_t count_;
  bool no_pivot_;
};

class BeBornInside : public Step {
 public:
  explicit BeBornInside(unsigned preserve_fds)
      : Step(Lane::kInit, "be born inside of the pid namespace"), preserve_fds_(preserve_fds) {}

  Result<void> perform(StepContext& context) const override {
    TRY(let_go(context));
    if (context.pid_namespace_fd)
      TRY_IN("join the pid namespace", sys::setns(context.pid_namespace_fd.get(), CLONE_NEWPID));
    context.pid_namespace_fd.reset();
    clone_args arguments = {};
    arguments.flags = CLONE_PARENT;  // the signal at its end is then ours: SIGCHLD
    auto cloned = sys::clone3(arguments);
    if (!cloned && cloned.error().error_number() == EAGAIN)
      return Error(
          ErrorKind::kSystem,
          cloned.error().text() + " (coming in takes two of the container's --pids-limit for a moment)",
          EAGAIN);
    if (TRY(std::move(cloned)) > 0) ::_exit(0);
    return tell_launcher(context);
  }
  std::string say() const override {
    return "prctl(PR_SET_DUMPABLE, 0); close_range(); setns(PIDNS, pid); clone3(CLONE_PARENT); pidfd_open(); "
           "sendmsg(handshake, born); recvmsg(handshake)";
  }
  std::string shell() const override { return "# (here vial enters the pid namespace)"; }
  Reason why() const override {
    return {
        "who is inside already never sees this process with a root, a directory or a descriptor of the "
        "host's",
        "pid_namespaces(7)"};
  }

 private:
  Result<void> let_go(StepContext& context) const {
    TRY(sys::prctl(PR_SET_DUMPABLE, 0));  // the process inside inherits it
    forget_environment();
    for (Fd* fd : {&context.null_fd, &context.empty_directory_fd, &context.cgroup_fd, &context.hooks_host_fd,
                   &context.hooks_init_fd})
      fd->reset();
    context.cgroup_task_fds.clear();
    context.trees.clear();
    context.kept.clear();
    context.proc_filesystems.clear();
    std::vector<int> kept = {context.handshake_fd,          context.gate_fd.get(),
                             context.root_fd.get(),         context.proc_fd.get(),
                             context.console_fd.get(),      context.seccomp_agent_fd.get(),
                             context.pid_namespace_fd.get()};
    for (const Fd& fd : context.stdio)
      kept.push_back(fd.get());
    return close_others(std::move(kept), kFirstOther + preserve_fds_);
  }

  // The launcher must have written down who we are before we go on.
  static Result<void> tell_launcher(StepContext& context) {
    TRY(sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
    {
      const Fd self = TRY(sys::pidfd_open(::getpid()));
      TRY(send_message(context.handshake_fd, Message::kBorn, "", self.get()));
    }
    const Received received = TRY(expect_message(context.handshake_fd, Message::kConfigured));
    context.init_pid = static_cast<pid_t>(TRY(parse_uint(received.text)));
    return ok();
  }

  unsigned preserve_fds_;
};

}  // namespace

StepPtr open_pid_namespace_step(const std::string& path) {
  return std::make_unique<OpenPidNamespace>(path);
}
StepPtr open_joined_procfs_step(size_t count, bool no_pivot) {
  return std::make_unique<OpenJoinedProcfs>(count, no_pivot);
}
StepPtr be_born_inside_step(unsigned preserve_fds) {
  return std::make_unique<BeBornInside>(preserve_fds);
}

}  // namespace runtime
