#include "runtime/exec.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <unistd.h>

#include "base/syscalls.h"
#include "cgroups/steps.h"
#include "namespaces/identity_steps.h"
#include "runtime/clone_step.h"
#include "runtime/init_steps.h"
#include "runtime/process_plan.h"
#include "security/privileges.h"

namespace runtime {
namespace {

class HoldInit : public Step {
 public:
  explicit HoldInit(const ProcessIdentity& init)
      : Step(Lane::kHost, "hold the container's init"), init_(init) {}
  Result<void> perform(StepContext& context) const override {
    context.target_pidfd = TRY(open_process(init_));
    return ok();
  }
  std::string say() const override { return "pidfd_open(" + std::to_string(init_.pid) + ")"; }
  std::string shell() const override { return "PID1=" + std::to_string(init_.pid); }
  Reason why() const override {
    return {"a pid can belong to another process a moment later; a pidfd can't", "pidfd_open(2)"};
  }

 private:
  ProcessIdentity init_;
};

class EnterPidNamespace : public Step {
 public:
  EnterPidNamespace() : Step(Lane::kHost, "aim children at the container's pid namespace") {}
  Result<void> perform(StepContext& context) const override {
    return sys::setns(context.target_pidfd.get(), CLONE_NEWPID);
  }
  std::string say() const override { return "setns(PIDFD, CLONE_NEWPID)"; }
  std::string shell() const override { return "# pid namespace: nsenter --pid --target $PID1"; }
  Reason why() const override {
    return {"setns moves only the caller's future children into a pid namespace", "setns(2)"};
  }
};

class EnterNamespaces : public Step {
 public:
  explicit EnterNamespaces(const namespaces::NamespaceSet& own)
      : Step(Lane::kInit, "join the container's namespaces") {
    for (const auto& kind : namespaces::namespace_kinds()) {
      if (kind.clone_flag == CLONE_NEWPID || !own.is_separate(kind.spec_name)) continue;
      flags_ |= kind.clone_flag;
      names_ += std::string(names_.empty() ? "" : " ") + kind.spec_name;
      options_ += std::string(" --") + kind.spec_name;
    }
  }
  Result<void> perform(StepContext& context) const override {
    if (flags_ != 0) TRY(sys::setns(context.target_pidfd.get(), flags_));
    context.root_fd = TRY(sys::open("/", O_PATH | O_DIRECTORY));
    return sys::chdir("/");
  }
  std::string say() const override { return "setns(PIDFD, " + names_ + ")"; }
  std::string shell() const override { return "# nsenter --target $PID1" + options_; }
  Reason why() const override {
    return {"one call, all or none: there is no moment with half of them", "setns(2)"};
  }

 private:
  int flags_ = 0;
  std::string names_;
  std::string options_;
};

class OpenOwnProcfs : public Step {
 public:
  OpenOwnProcfs() : Step(Lane::kInit, "open the container's /proc") {}
  Result<void> perform(StepContext& context) const override {
    context.proc_fd =
        TRY(sys::openat2(context.root_fd.get(), "proc", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
    return ok();
  }
  std::string say() const override { return "openat2(/proc, RESOLVE_NO_SYMLINKS)"; }
  std::string shell() const override { return "# (shell writes to /proc by path)"; }
  Reason why() const override { return {"the process's own settings are written here", "proc(5)"}; }
};

}  // namespace

Result<Plan> make_exec_plan(ExecRequest request, const HostFacts& host) {
  Plan plan;
  const Spec& spec = *request.spec;
  const auto own = TRY(namespaces::NamespaceSet::from(spec.os.namespaces));
  plan.push_back(std::make_unique<HoldInit>(request.init));
  cgroups::GroupSteps group;
  if (!spec.os.cgroups_path.empty()) group = TRY(cgroups::enter_steps(host.cgroups, spec.os.cgroups_path));
  for (auto& step : group.before_clone)
    plan.push_back(std::move(step));
  if (own.is_separate("pid")) plan.push_back(std::make_unique<EnterPidNamespace>());
  plan.push_back(std::make_unique<CloneStep>(namespaces::NamespaceSet(), false));
  // Processes that are inside already must not trace us or read our /proc entries while we come in
  // (CVE-2016-9962).
  plan.push_back(security::not_dumpable_step());
  if (group.join) plan.push_back(std::move(group.join));
  plan.push_back(std::make_unique<EnterNamespaces>(own));
  if (own.is_separate("user")) plan.push_back(namespaces::become_root_step());
  if (request.process->oom_score_adj) plan.push_back(std::make_unique<OpenOwnProcfs>());
  if (request.process->terminal) plan.push_back(console_step(*request.process, ConsoleDevice::kLeave));
  TRY(add_process_steps(plan, {request.process,
                               spec.os.personality_domain,
                               std::move(request.seccomp),
                               {request.id, request.bundle, spec.oci_version},
                               request.preserve_fds}));
  return plan;
}

}  // namespace runtime
