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

// From the helper to the launcher.
struct HelperAnswer {
  pid_t pid = 0;
  int error_number = 0;
};

void into_cgroup(const StepContext& context, clone_args& arguments) {
  if (!context.cgroup_fd) return;
  arguments.flags |= CLONE_INTO_CGROUP;
  arguments.cgroup = static_cast<uint64_t>(context.cgroup_fd.get());
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
  into_cgroup(context, arguments);
  context.init_pid = TRY(sys::clone3(arguments));
  return ok();
}

Result<void> CloneStep::join_and_stay(StepContext& context, const std::vector<Opened>& joined) const {
  TRY(sys::setns(context.pid_namespace_fd.get(), CLONE_NEWPID));
  context.pid_namespace_fd.reset();
  for (const auto& entry : joined) {
    if (entry.flag != CLONE_NEWCGROUP) TRY(sys::setns(entry.fd.get(), entry.flag));
  }
  return flags_ == 0 ? ok() : sys::unshare(static_cast<int>(flags_));
}

Result<std::vector<CloneStep::Opened>> CloneStep::open_paths() const {
  std::vector<Opened> joined;
  // The user namespace last: until then the helper may join what the host's root owns.
  for (const bool is_user : {false, true}) {
    for (const auto& kind : namespaces::namespace_kinds()) {
      const auto path = namespaces_.path_of(kind.spec_name);
      if (!path || kind.clone_flag == CLONE_NEWPID || (kind.clone_flag == CLONE_NEWUSER) != is_user) continue;
      joined.push_back({TRY(sys::open(path->c_str(), O_RDONLY)), kind.clone_flag});
    }
  }
  return joined;
}

Result<void> CloneStep::clone_by_helper(StepContext& context) const {
  std::vector<Opened> joined = TRY(open_paths());
  const bool stays = context.pid_namespace_fd.is_open();
  sys::Pipe pipe = TRY(sys::pipe2(0));
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  if (stays) into_cgroup(context, arguments);
  const pid_t helper = TRY(sys::clone3(arguments));
  if (helper == 0) {
    auto result = stays ? join_and_stay(context, joined) : join_and_clone(context, joined);
    const HelperAnswer answer = {context.init_pid, result ? 0 : result.error().error_number()};
    context.in_child = result && context.init_pid == 0;
    const bool is_sent =
        (context.in_child && !stays) || ::write(pipe.writer.get(), &answer, sizeof answer) == sizeof answer;
    if (!context.in_child || !is_sent) ::_exit(is_sent ? 0 : 1);
    context.kept.clear();
    for (auto& entry : joined)
      if (entry.flag == CLONE_NEWCGROUP) context.kept.push_back(std::move(entry.fd));
    return ok();
  }
  pipe.writer.reset();
  HelperAnswer answer;
  const bool is_told = ::read(pipe.reader.get(), &answer, sizeof answer) == sizeof answer;
  const bool has_failed = !is_told || answer.error_number != 0;
  if (!stays || has_failed) {
    while (::waitpid(helper, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (!is_told) return Error::from_errno("the helper that joins the namespaces is gone", ECHILD);
  if (has_failed)
    return Error::from_errno("join the namespaces at the given paths, or clone in them", answer.error_number);
  context.init_pid = stays ? helper : answer.pid;
  context.init_pidfd = TRY(sys::pidfd_open(context.init_pid));
  return ok();
}

Result<void> CloneStep::perform(StepContext& context) const {
  if (joins_by_helper(namespaces_)) return clone_by_helper(context);
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = flags_ | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // NOLINT: clone3(2) takes pointers as numbers
  arguments.exit_signal = SIGCHLD;
  into_cgroup(context, arguments);
  const pid_t pid = TRY(sys::clone3(arguments));
  context.in_child = pid == 0;
  context.init_pid = pid;
  if (pid == 0) context.kept.clear();  // what the host holds is the launcher's to let go
  if (pid > 0) context.init_pidfd = Fd(pidfd);
  return ok();
}

std::string CloneStep::say() const {
  const bool stays = joins_by_helper(namespaces_) && namespaces_.path_of("pid");
  std::string text = stays ? "clone3(CLONE_INTO_CGROUP); setns(every path but the cgroup's); unshare(0"
                     : joins_by_helper(namespaces_)
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
