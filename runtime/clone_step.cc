#include "runtime/clone_step.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGCHLD

#include <array>

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

Result<void> CloneStep::perform(StepContext& context) const {
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
  if (pid > 0) context.init_pidfd = Fd(pidfd);
  return ok();
}

std::string CloneStep::say() const {
  std::string text = "clone3(CLONE_PIDFD|CLONE_INTO_CGROUP";
  for (const auto& [flag, name] : kFlagNames) {
    if ((flags_ & flag) != 0) text += std::string("|") + name;
  }
  return text + ")";
}

std::string CloneStep::shell() const {
  std::string line = "unshare --propagation unchanged";
  for (const auto& kind : namespaces::namespace_kinds()) {
    if (namespaces_.is_new(kind.spec_name)) line += std::string(" ") + kind.unshare_option;
  }
  return line;
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
