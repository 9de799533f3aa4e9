#include "runtime/init_steps.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "base/paths.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/rootfs.h"
#include "runtime/gate.h"
#include "runtime/handshake.h"

namespace runtime {
namespace {

class WaitForHost : public Step {
 public:
  explicit WaitForHost(Reason why) : Step(Lane::kInit, "wait for the host"), why_(std::move(why)) {}
  Result<void> perform(StepContext& context) const override {
    TRY(expect_message(context.handshake_fd, Message::kConfigured));
    return ok();
  }
  std::string say() const override { return "recvmsg(handshake)"; }
  std::string shell() const override { return "# nothing to wait for: the host's steps stand above"; }
  Reason why() const override { return why_; }

 private:
  Reason why_;
};

class Console : public Step {
 public:
  Console(const Process& process, ConsoleDevice device)
      : Step(Lane::kInit, "make the console"),
        rows_(process.console_height),
        columns_(process.console_width),
        uid_(process.user.uid),
        device_(device) {}

  Result<void> perform(StepContext& context) const override {
    const Fd master = TRY(sys::openat2(context.root_fd.get(), "dev/pts/ptmx", O_RDWR | O_NOCTTY, 0,
                                       RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS));
    int locked = 0;
    if (::ioctl(master.get(), TIOCSPTLCK, &locked) < 0) return Error::from_errno("unlock the pty", errno);
    Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return Error::from_errno("open the pty's slave", errno);
    if (rows_ != 0 && columns_ != 0) {
      const winsize size = {static_cast<uint16_t>(rows_), static_cast<uint16_t>(columns_), 0, 0};
      if (::ioctl(slave.get(), TIOCSWINSZ, &size) < 0) return Error::from_errno("set the window size", errno);
    }
    if (uid_ != 0) TRY(sys::fchownat(slave.get(), "", uid_, static_cast<gid_t>(-1), AT_EMPTY_PATH));
    if (device_ == ConsoleDevice::kShow) TRY(show(context.root_fd.get(), slave.get()));
    TRY(send_message(context.handshake_fd, Message::kConsole, "", master.get()));
    context.console_fd = std::move(slave);
    return ok();
  }
  std::string say() const override {
    return "open(/dev/pts/ptmx); ioctl(TIOCGPTPEER); move_mount(/dev/console); sendmsg(SCM_RIGHTS)";
  }
  std::string shell() const override {
    return "# console: script(1) or a terminal multiplexer gives a shell a pty";
  }
  Reason why() const override {
    return {"a terminal of the container's own: the caller's can't be typed on from inside", "pts(4)"};
  }

 private:
  static Result<void> show(int root_fd, int slave_fd) {
    const Fd tree = TRY(sys::open_tree(slave_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH));
    const Fd target = TRY(namespaces::open_target(root_fd, "/dev/console", namespaces::TargetType::kFile,
                                                  namespaces::Symlinks::kRefuse));
    return sys::move_mount(tree.get(), target.get());
  }

  unsigned rows_;
  unsigned columns_;
  unsigned uid_;
  ConsoleDevice device_;
};

class StdioStep : public Step {
 public:
  explicit StdioStep(bool terminal)
      : Step(Lane::kInit, "connect stdin, stdout and stderr"), terminal_(terminal) {}

  Result<void> perform(StepContext& context) const override {
    if (::setsid() < 0) return Error::from_errno("setsid", errno);
    if (terminal_ && ::ioctl(context.console_fd.get(), TIOCSCTTY, 0) < 0) {
      return Error::from_errno("make the console the controlling terminal", errno);
    }
    for (int target = 0; target < 3; ++target) {
      const Fd& given = context.stdio[static_cast<size_t>(target)];
      const int source = terminal_ ? context.console_fd.get() : given ? given.get() : target;
      TRY(connect(source, target));
    }
    return ok();
  }
  std::string say() const override {
    return terminal_ ? "setsid(); ioctl(TIOCSCTTY); dup2(console, 0..2)" : "setsid(); dup2()";
  }
  std::string shell() const override { return "# stdin, stdout and stderr stay those of the shell"; }
  Reason why() const override {
    return {"the container talks to pipes or its own pty, never to the caller's files", "setsid(2)"};
  }

 private:
  static Result<void> connect(int source, int target) {
    struct stat status = {};
    const bool is_null =
        ::fstat(source, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
    if (!is_null) return source == target ? ok() : sys::dup2(source, target);
    // Runs after pivot_root: this is the container's node, and it is looked at before it is used.
    auto own = sys::open("/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (!own || ::fstat(own->get(), &status) < 0 || !S_ISCHR(status.st_mode) ||
        status.st_rdev != makedev(1, 3)) {
      return source == target ? ok() : sys::dup2(source, target);
    }
    return sys::dup2(own->get(), target);
  }

  bool terminal_;
};

class GiveStreams : public Step {
 public:
  explicit GiveStreams(uid_t uid) : Step(Lane::kHost, "give the streams to the user"), uid_(uid) {}

  Result<void> perform(StepContext& context) const override {
    for (int target = 0; target < 3; ++target) {
      const Fd& given = context.stdio[static_cast<size_t>(target)];
      const int fd = given ? given.get() : target;
      struct stat status = {};
      if (::fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode) || status.st_uid == uid_) continue;
      // A pipe that can't be given away (it belongs to somebody outside of our user namespace) still works.
      (void)sys::fchownat(fd, "", uid_, static_cast<gid_t>(-1), AT_EMPTY_PATH);
    }
    return ok();
  }
  std::string say() const override { return "fchown(0..2, " + std::to_string(uid_) + ")"; }
  std::string shell() const override {
    return "for fd in 0 1 2; do [ ! -p /proc/self/fd/$fd ] || chown " + std::to_string(uid_) +
           " /proc/self/fd/$fd; done";
  }
  Reason why() const override {
    return {"/dev/stdout can be opened only by who may open the pipe behind it", "proc_pid_fd(5)"};
  }

 private:
  uid_t uid_;
};

class MakeWorkingDirectory : public Step {
 public:
  explicit MakeWorkingDirectory(const std::string& path)
      : Step(Lane::kInit, "make " + printable(path)), path_(namespaces::clean_path(path)) {}

  Result<void> perform(StepContext& context) const override {
    (void)namespaces::open_target(context.root_fd.get(), path_, namespaces::TargetType::kDirectory,
                                  namespaces::Symlinks::kInRoot);
    return ok();
  }
  std::string say() const override { return "openat2(" + path_ + ", RESOLVE_IN_ROOT) or mkdirat()"; }
  std::string shell() const override {
    return "mkdir -p " + namespaces::shell_in_root(path_) + " 2> /dev/null || :";
  }
  Reason why() const override {
    return {"a working directory that is missing is made, which a read-only root does not let us",
            "mkdir(2)"};
  }

 private:
  std::string path_;
};

class WorkingDirectory : public Step {
 public:
  WorkingDirectory(const std::string& path, bool is_made)
      : Step(Lane::kInit, "enter " + printable(path)),
        path_(namespaces::clean_path(path)),
        is_made_(is_made) {}

  Result<void> perform(StepContext& /*context*/) const override {
    if (path_ != "/") {
      const Fd root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
      if (!is_made_) TRY(check_there(root.get()));
      const auto directory = namespaces::open_target(root.get(), path_, namespaces::TargetType::kDirectory,
                                                     namespaces::Symlinks::kInRoot);
      // What is missing is made; callers take their exit code from why it can't be entered.
      if (!directory && directory.error().error_number() == EROFS)
        return not_found("no such file or directory, and the file system is read-only");
      if (!directory) return directory.error();
      TRY(sys::fchdir(directory->get()));
    } else {
      TRY(sys::chdir("/"));
    }
    const auto entered = working_directory();
    if (!entered || !entered->starts_with('/'))
      return invalid("working directory " + printable(path_) + " is outside of the container");
    return ok();
  }
  std::string say() const override { return "openat2(" + path_ + ", RESOLVE_IN_ROOT); fchdir(); getcwd()"; }
  std::string shell() const override {
    return "DIRECTORY=" + shell_quote(path_) +
           "; \".$BUSYBOX\" mkdir -p \"$DIRECTORY\" 2> /dev/null || :\n# (entered below, when all is set)";
  }
  Reason why() const override {
    return {"a directory outside of the root would be a way out: it is checked", "getcwd(3)"};
  }

 private:
  // In runc's words, which docker takes for 127.
  Result<void> check_there(int root_fd) const {
    const auto there = namespaces::open_in_root(root_fd, path_, namespaces::Symlinks::kInRoot);
    if (there || there.error().error_number() != ENOENT) return ok();
    return Error(ErrorKind::kNotFound,
                 "exec: chdir to cwd (\"" + printable(path_) +
                     "\") set in config.json failed: no such file or directory",
                 ENOENT);
  }

  std::string path_;
  bool is_made_;
};

class Ready : public Step {
 public:
  Ready() : Step(Lane::kInit, "report ready and wait for the start") {}
  Result<void> perform(StepContext& context) const override {
    TRY(send_warnings(context.handshake_fd, context.warnings));
    if (context.gate_fd) return wait_outside(context);
    TRY(send_message(context.handshake_fd, Message::kReady));
    TRY(expect_message(context.handshake_fd, Message::kStart));
    return ok();
  }
  std::string say() const override { return "sendmsg(handshake, ready); recvmsg(handshake, start)"; }
  std::string shell() const override { return "# (the runtime saves its state here)"; }
  Reason why() const override {
    return {"the state is on disk before the program's first instruction", "unix(7)"};
  }

 private:
  // The creator may be gone as soon as it has heard kReady; from then on failures are told to who comes to
  // the gate.
  static Result<void> wait_outside(StepContext& context) {
    for (Fd* fd : {&context.root_fd, &context.null_fd, &context.empty_directory_fd})
      fd->reset();
    context.cgroup_task_fds.clear();
    // From here on others may come in, and our /proc/PID/exe is still the runtime's file (runtime/seal.h).
    TRY(sys::prctl(PR_SET_DUMPABLE, 0));
    TRY(sys::prctl(PR_SET_PDEATHSIG, 0));
    TRY(send_message(context.handshake_fd, Message::kReady));
    TRY(wait_at_gate(context.gate_fd.get(), context.handshake_fd));
    context.gate_fd.reset();
    return ok();
  }
};

}  // namespace

StepPtr wait_for_host_step(Reason why) {
  return std::make_unique<WaitForHost>(std::move(why));
}
StepPtr console_step(const Process& process, ConsoleDevice device) {
  return std::make_unique<Console>(process, device);
}
StepPtr stdio_step(bool terminal) {
  return std::make_unique<StdioStep>(terminal);
}
StepPtr give_streams_step(uid_t host_uid) {
  return std::make_unique<GiveStreams>(host_uid);
}
StepPtr make_working_directory_step(const std::string& path) {
  return std::make_unique<MakeWorkingDirectory>(path);
}
StepPtr working_directory_step(const std::string& path, bool is_made) {
  return std::make_unique<WorkingDirectory>(path, is_made);
}
StepPtr ready_step() {
  return std::make_unique<Ready>();
}

}  // namespace runtime
