#include "runtime/clone_step.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGCHLD

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "base/syscalls.h"

namespace runtime {
namespace {

constexpr auto kFlagNames = std::to_array<std::pair<unsigned long, const char*>>({
    {CLONE_NEWUSER, "CLONE_NEWUSER"},
    {CLONE_NEWNS, "CLONE_NEWNS"},
    {CLONE_NEWPID, "CLONE_NEWPID"},
    {CLONE_NEWNET, "CLONE_NEWNET"},
    {CLONE_NEWUTS, "CLONE_NEWUTS"},
    {CLONE_NEWIPC, "CLONE_NEWIPC"},
    {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
});

}  // namespace

CloneStep::CloneStep(const namespaces::NamespaceSet& namespaces, bool cgroup_later)
    : Step(Lane::kHost, "clone the init into its namespaces"), namespaces_(namespaces) {
  flags_ = static_cast<unsigned long>(namespaces.clone_flags()) & ~static_cast<unsigned long>(CLONE_NEWTIME);
  if (cgroup_later) flags_ &= ~static_cast<unsigned long>(CLONE_NEWCGROUP);
}

namespace {

// The launcher aimed its children at the container's pid namespace: those to come (hooks) are the host's
// again.
Result<void> leave_pid_namespace() {
  const Fd own = TRY(sys::open("/proc/self/ns/pid", O_RDONLY));
  return sys::setns(own.get(), CLONE_NEWPID);
}

class JoinKeptCgroupNamespace : public Step {
 public:
  JoinKeptCgroupNamespace() : Step(Lane::kInit, "join the cgroup namespace at the given path") {}
  Result<void> perform(StepContext& context) const override {
    if (context.kept.empty()) return corrupt("nobody kept the cgroup namespace open");
    TRY(sys::setns(context.kept.back().get(), CLONE_NEWCGROUP));
    context.kept.clear();
    return ok();
  }
  std::string say() const override { return "setns(FD, CLONE_NEWCGROUP)"; }
  std::string shell() const override { return "# nsenter --cgroup=PATH, by the helper's descriptor"; }
  Reason why() const override {
    return {"only a process that is in its cgroup already may enter a namespace that does not hold it",
            "cgroup_namespaces(7)"};
  }
};

}  // namespace

StepPtr join_kept_cgroup_namespace_step() {
  return std::make_unique<JoinKeptCgroupNamespace>();
}

bool CloneStep::joins_by_helper(const namespaces::NamespaceSet& namespaces) {
  if (!namespaces.is_separate("user")) return false;
  const auto& entries = namespaces.entries();
  return std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return !entry.path.empty(); });
}

Result<void> CloneStep::join_and_clone(StepContext& context, const std::vector<Opened>& joined) const {
  for (const auto& entry : joined) {
    if (entry.flag != CLONE_NEWCGROUP) TRY(sys::setns(entry.fd.get(), entry.flag));
  }
  clone_args arguments = {};
  arguments.flags = flags_ | CLONE_PARENT;  // the signal at its end is then the helper's own: SIGCHLD
  if (context.cgroup_fd) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(context.cgroup_fd.get());
  }
  context.init_pid = TRY(sys::clone3(arguments));
  return ok();
}

Result<void> CloneStep::clone_by_helper(StepContext& context) const {
  std::vector<Opened> joined;
  // The user namespace last: until then the helper may join what the host's root owns.
  for (const bool is_user : {false, true}) {
    for (const auto& kind : namespaces::namespace_kinds()) {
      const auto path = namespaces_.path_of(kind.spec_name);
      if (!path || (kind.clone_flag == CLONE_NEWUSER) != is_user) continue;
      joined.push_back({TRY(sys::open(path->c_str(), O_RDONLY)), kind.clone_flag});
    }
  }
  struct Answer {
    pid_t pid;
    int error_number;
  };
  const sys::Pipe pipe = TRY(sys::pipe2(0));
  const pid_t helper = ::fork();
  if (helper < 0) return Error::from_errno("fork", errno);
  if (helper == 0) {
    auto result = join_and_clone(context, joined);
    context.in_child = result && context.init_pid == 0;
    if (context.in_child) {
      context.kept.clear();
      for (auto& entry : joined)
        if (entry.flag == CLONE_NEWCGROUP) context.kept.push_back(std::move(entry.fd));
      return ok();
    }
    const Answer answer = {context.init_pid, result ? 0 : result.error().error_number()};
    const bool is_sent = ::write(pipe.writer.get(), &answer, sizeof answer) == sizeof answer;
    ::_exit(is_sent ? 0 : 1);
  }
  int status = 0;
  if (::waitpid(helper, &status, 0) < 0) return Error::from_errno("waitpid", errno);
  Answer answer = {};
  if (status != 0 || ::read(pipe.reader.get(), &answer, sizeof answer) != sizeof answer)
    return Error::from_errno("the helper that joins the namespaces is gone", ECHILD);
  if (answer.error_number != 0) {
    return Error::from_errno("join the namespaces at the given paths, or clone in them", answer.error_number);
  }
  context.init_pid = answer.pid;
  context.init_pidfd = TRY(sys::pidfd_open(answer.pid));
  return ok();
}

Result<void> CloneStep::perform(StepContext& context) const {
  if (joins_by_helper(namespaces_)) return clone_by_helper(context);
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = flags_ | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // NOLINT: clone3(2) takes pointers as numbers
  arguments.exit_signal = SIGCHLD;
  if (context.cgroup_fd) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(context.cgroup_fd.get());
  }
  const pid_t pid = TRY(sys::clone3(arguments));
  context.in_child = pid == 0;
  context.init_pid = pid;
  if (pid == 0) context.kept.clear();  // what the host holds is the launcher's to let go
  if (pid > 0) context.init_pidfd = Fd(pidfd);
  if (pid > 0 && namespaces_.path_of("pid")) return leave_pid_namespace();
  return ok();
}

std::string CloneStep::say() const {
  std::string text = joins_by_helper(namespaces_)
                         ? "fork(); setns(every path but the cgroup's); clone3(CLONE_PARENT"
                         : "clone3(CLONE_PIDFD|CLONE_INTO_CGROUP";
  for (const auto& [flag, name] : kFlagNames) {
    if ((flags_ & flag) != 0) text += std::string("|") + name;
  }
  return text + ")";
}

std::string CloneStep::shell() const {
  std::string join;
  std::string line = "unshare --propagation unchanged";
  for (const auto& kind : namespaces::namespace_kinds()) {
    if (namespaces_.is_new(kind.spec_name)) line += std::string(" ") + kind.unshare_option;
    const std::string_view option =
        kind.unshare_option;  // "--pid --fork": nsenter(1) calls the first the same
    if (const auto path = namespaces_.path_of(kind.spec_name))
      join += " " + std::string(option.substr(0, option.find(' '))) + "=" + shell_quote(*path);
  }
  return join.empty() ? line : "nsenter" + join + " -- " + line;
}

Reason CloneStep::why() const {
  return {
      "one call makes the process and every namespace of its own: what it sees is its own from the first "
      "instruction on",
      "clone(2)"};
}

std::string CloneStep::observe(const StepContext& context) const {
  const std::string directory =
      "/proc/" + (context.init_pid > 0 ? std::to_string(context.init_pid) : std::string("self")) + "/ns/";
  std::string text;
  for (const auto& kind : namespaces::namespace_kinds()) {
    if ((flags_ & static_cast<unsigned long>(kind.clone_flag)) == 0) continue;
    auto link = sys::readlinkat(AT_FDCWD, (directory + kind.proc_name).c_str());
    if (!link) continue;
    if (!text.empty()) text += " ";
    text += *link;  // "net:[4026532329]"
  }
  return text;
}

}  // namespace runtime
