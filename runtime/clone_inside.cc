#include "runtime/clone_inside.h"

#include <linux/sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGCHLD
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/process.h"
#include "base/syscalls.h"
#include "runtime/newcomer.h"
#include "security/privileges.h"

namespace runtime {
namespace {

constexpr const char* kTooFew = " (coming in takes two of the container's --pids-limit for a moment)";

// From the helper to the launcher.
struct Answer {
  pid_t pid = 0;
  int error_number = 0;
  std::array<char, 400> error = {};  // its text; empty: none
};

Answer answer_of(const Result<void>& result, pid_t pid) {
  Answer answer;
  answer.pid = pid;
  if (result) return answer;
  answer.error_number = result.error().error_number();
  const std::string& text = result.error().text();
  std::memcpy(answer.error.data(), text.data(), std::min(text.size(), answer.error.size() - 1));
  return answer;
}

Result<pid_t> clone_helper(const StepContext& context) {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  if (context.cgroup_fd) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(context.cgroup_fd.get());
  }
  return sys::clone3(arguments);
}

class CloneInsideStep : public Step {
 public:
  CloneInsideStep(const namespaces::NamespaceSet& own, CloneInside options)
      : Step(Lane::kHost, "clone the process inside of the container"),
        hide_(security::not_dumpable_step()),
        join_(std::move(options.join)),
        grants_(std::move(options.grants)),
        preserve_fds_(options.preserve_fds),
        tells_pid_(options.tells_pid) {
    for (const auto& kind : namespaces::namespace_kinds()) {
      if (!own.is_separate(kind.spec_name)) continue;
      if (kind.clone_flag == CLONE_NEWUSER) has_user_ = true;
      if (kind.clone_flag != CLONE_NEWUSER) flags_ |= kind.clone_flag;
      names_ += std::string(names_.empty() ? "" : " ") + kind.spec_name;
      options_ += std::string(" --") + kind.spec_name;
    }
  }

  Result<void> perform(StepContext& context) const override {
    sys::Pipe answers = TRY(sys::pipe2(0));
    const pid_t helper = TRY(clone_helper(context));
    if (helper == 0) {
      answers.reader.reset();
      auto entered = enter_and_clone(context, answers.writer.get());
      if (entered && context.in_child) return ok();
      const Answer answer = answer_of(entered, context.init_pid);
      const bool is_sent = ::write(answers.writer.get(), &answer, sizeof answer) == sizeof answer;
      ::_exit(is_sent ? 0 : 1);
    }
    answers.writer.reset();
    return take_answer(context, answers.reader.get(), helper);
  }

  std::string say() const override {
    return "clone3(CLONE_INTO_CGROUP); " + hide_->say() + "; " + (join_ ? join_->say() + "; " : "") +
           (grants_ ? grants_->say() + "; " : "") + "close_range(); setns(PIDFD, " + names_ +
           "); clone3(CLONE_PARENT)";
  }
  std::string shell() const override { return "# nsenter --target $PID1" + options_; }
  Reason why() const override {
    return {
        "who is inside already never sees this process with a root, a directory or a descriptor of the "
        "host's",
        "setns(2)"};
  }

 private:
  // In the helper: only the process inside comes back with context.in_child.
  Result<void> enter_and_clone(StepContext& context, int answers_fd) const {
    constexpr unsigned kFirstOther = 3;
    TRY(hide_->perform(context));  // the process inside inherits it
    forget_environment();
    if (join_) TRY(join_->perform(context));
    if (grants_) TRY(grants_->perform(context));
    context.cgroup_task_fds.clear();
    context.cgroup_fd.reset();
    if (flags_ != 0) TRY(sys::setns(context.target_pidfd.get(), flags_));
    // The user namespace last: others may belong to the host, which its root could not join.
    if (has_user_) TRY(sys::setns(context.target_pidfd.get(), CLONE_NEWUSER));
    TRY(sys::chdir("/"));
    context.target_pidfd.reset();
    std::vector<int> kept = {context.handshake_fd, context.seccomp_agent_fd.get(), answers_fd};
    for (const Fd& fd : context.stdio)
      kept.push_back(fd.get());
    TRY(close_others(std::move(kept), kFirstOther + preserve_fds_));
    sys::Pipe told;
    if (tells_pid_) told = TRY(sys::pipe2(0));
    clone_args arguments = {};
    arguments.flags = CLONE_PARENT;  // the signal at its end is then the helper's own: SIGCHLD
    pid_t& pid = context.init_pid;
    auto cloned = sys::clone3(arguments);
    if (!cloned && cloned.error().error_number() == EAGAIN)
      return Error(ErrorKind::kSystem, cloned.error().text() + kTooFew, EAGAIN);
    pid = TRY(std::move(cloned));
    context.in_child = pid == 0;
    if (!tells_pid_) return ok();
    const bool is_told = context.in_child ? ::read(told.reader.get(), &pid, sizeof pid) == sizeof pid
                                          : ::write(told.writer.get(), &pid, sizeof pid) == sizeof pid;
    return is_told ? ok() : Error::from_errno("tell the process its pid on the host", EPIPE);
  }

  static Result<void> take_answer(StepContext& context, int answers_fd, pid_t helper) {
    Answer answer;
    const auto count = ::read(answers_fd, &answer, sizeof answer);
    int status = 0;
    while (::waitpid(helper, &status, 0) < 0 && errno == EINTR) {
    }
    if (count != sizeof answer || status != 0)
      return Error::from_errno("the helper that enters the container was killed", ECHILD);
    if (answer.error_number != 0 || answer.error[0] != '\0')
      return Error(ErrorKind::kSystem, answer.error.data(), answer.error_number);
    context.init_pid = answer.pid;
    context.init_pidfd = TRY(sys::pidfd_open(answer.pid));
    return ok();
  }

  StepPtr hide_;
  StepPtr join_;
  StepPtr grants_;
  unsigned preserve_fds_;
  bool tells_pid_;
  int flags_ = 0;
  bool has_user_ = false;
  std::string names_;
  std::string options_;
};

}  // namespace

StepPtr clone_inside_step(const namespaces::NamespaceSet& own, CloneInside options) {
  return std::make_unique<CloneInsideStep>(own, std::move(options));
}

}  // namespace runtime
