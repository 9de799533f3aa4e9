#include "security/seccomp_steps.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/socket.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace security {
namespace {

std::string flag_names(unsigned flags) {
  std::vector<std::string> names;
  if ((flags & SECCOMP_FILTER_FLAG_LOG) != 0) names.emplace_back("SECCOMP_FILTER_FLAG_LOG");
  if ((flags & SECCOMP_FILTER_FLAG_SPEC_ALLOW) != 0) names.emplace_back("SECCOMP_FILTER_FLAG_SPEC_ALLOW");
  if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) names.emplace_back("SECCOMP_FILTER_FLAG_NEW_LISTENER");
  if ((flags & 1U << 5U) != 0) names.emplace_back("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
  return names.empty() ? "0" : join(names, "|");
}

class ConnectSeccompAgent : public Step {
 public:
  explicit ConnectSeccompAgent(std::string path)
      : Step(Lane::kHost, "connect to the seccomp agent"), path_(std::move(path)) {}

  Result<void> perform(StepContext& context) const override {
    auto connected = connect_to_path(path_);
    if (!connected) {
      return not_found("connect to the seccomp agent at " + printable(path_) + ": " +
                       errno_text(connected.error().error_number()));
    }
    context.seccomp_agent_fd = std::move(*connected);
    return ok();
  }
  std::string say() const override { return "connect(AF_UNIX " + path_ + ")"; }
  std::string shell() const override { return "# connect to the seccomp agent at " + shell_quote(path_); }
  Reason why() const override {
    return {"the agent on the host decides system calls that the filter hands to it", "seccomp_unotify(2)"};
  }

 private:
  std::string path_;
};

class LearnHostPid : public Step {
 public:
  LearnHostPid() : Step(Lane::kInit, "learn the host's pid of the init") {}
  Result<void> perform(StepContext& context) const override {
    const std::string pid = TRY(sys::readlinkat(AT_FDCWD, "/proc/self"));
    context.init_pid = static_cast<pid_t>(TRY(parse_uint(pid)));
    return ok();
  }
  std::string say() const override { return "readlink(/proc/self)"; }
  std::string shell() const override { return "# (the seccomp agent is told the pid)"; }
  Reason why() const override {
    return {"the agent reads the container's memory by the pid that it has on the host",
            "seccomp_unotify(2)"};
  }
};

class LoadFilter : public Step {
 public:
  LoadFilter(FilterProgram program, const ListenedContainer& container)
      : Step(Lane::kInit, "seccomp " + program.name), program_(std::move(program)) {
    flags_ = program_.flags;
    if (program_.listener_path.empty()) return;
    flags_ |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    init_pid_ = container.init_pid;
    state_before_pid_ = "{\"ociVersion\":" + dump_json(container.oci_version) +
                        R"(,"fds":["seccompFd"],"metadata":)" + dump_json(program_.listener_metadata) +
                        R"(,"state":{"ociVersion":)" + dump_json(container.oci_version) +
                        ",\"id\":" + dump_json(container.id) + R"(,"status":)" + dump_json(container.status) +
                        R"(,"bundle":)" + dump_json(container.bundle) + R"(,"annotations":)" +
                        dump_json(container.annotations) + ",\"pid\":";
  }

  Result<void> perform(StepContext& context) const override {
    struct sock_fprog code = {};
    code.len = static_cast<unsigned short>(instructions());
    // The kernel copies the program; it takes a pointer without const only by its age.
    code.filter = reinterpret_cast<struct sock_filter*>(const_cast<char*>(program_.bytes.data()));
    const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags_, &code);
    if (result < 0) return load_error(errno);
    if (program_.listener_path.empty()) return ok();
    const Fd listener(static_cast<int>(result));
    return send_listener(listener.get(), context);
  }
  std::string say() const override {
    return "seccomp(SECCOMP_SET_MODE_FILTER, " + flag_names(flags_) +
           ", {len=" + std::to_string(instructions()) + "})";
  }
  std::string shell() const override {
    return "# seccomp " + program_.name + " of " + std::to_string(instructions()) +
           " instructions: no shell tool loads one";
  }
  Reason why() const override {
    return {
        "a program in the kernel answers each system call: most of what ever broke out of a container used "
        "one "
        "that no ordinary program needs",
        "seccomp(2)"};
  }
  std::string observe(const StepContext& context) const override {
    // The number of filters is only in /proc; the mode says at least whether there is one.
    if (context.proc_fd) {
      const auto fd = sys::openat(context.proc_fd.get(), "self/status", O_RDONLY);
      const auto status = fd ? read_fd(fd->get()) : Result<std::string>(std::string());
      const size_t start = status ? status->find("Seccomp_filters:") : std::string::npos;
      if (start != std::string::npos) {
        const std::string line = status->substr(start, status->find('\n', start) - start);
        return "filters " + std::string(trim(line.substr(line.find(':') + 1)));
      }
    }
    const int mode = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
    return mode < 0 ? "" : "mode " + std::to_string(mode);
  }

 private:
  size_t instructions() const { return program_.bytes.size() / sizeof(struct sock_filter); }

  static Error load_error(int error_number) {
    if (error_number == EACCES) {
      return Error(ErrorKind::kSystem,
                   "seccomp: Permission denied: without no_new_privs loading a filter needs CAP_SYS_ADMIN",
                   error_number);
    }
    return Error::from_errno("seccomp", error_number);
  }

  // One message: the state as text, the descriptor as SCM_RIGHTS. unix(7).
  Result<void> send_listener(int listener_fd, StepContext& context) const {
    if (!context.seccomp_agent_fd) return conflict("seccomp: no connection to the agent");
    const std::string pid = std::to_string(context.init_pid);
    const std::string init_pid = init_pid_ == 0 ? pid : std::to_string(init_pid_);
    const std::string state = state_before_pid_ + init_pid + "},\"pid\":" + pid + "}";
    TRY_IN("send the seccomp listener to the agent",
           sys::sendmsg(context.seccomp_agent_fd.get(), state, listener_fd));
    context.seccomp_agent_fd.reset();
    return ok();
  }

  FilterProgram program_;
  unsigned flags_ = 0;
  pid_t init_pid_ = 0;
  std::string state_before_pid_;
};

}  // namespace

StepPtr connect_seccomp_agent_step(std::string socket_path) {
  return std::make_unique<ConnectSeccompAgent>(std::move(socket_path));
}

StepPtr learn_host_pid_step() {
  return std::make_unique<LearnHostPid>();
}

StepPtr seccomp_step(FilterProgram program, const ListenedContainer& container) {
  return std::make_unique<LoadFilter>(std::move(program), container);
}

}  // namespace security
