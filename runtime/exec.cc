#include "runtime/exec.h"

#include <fcntl.h>

#include <algorithm>

#include "base/syscalls.h"
#include "cgroups/steps.h"
#include "namespaces/identity_steps.h"
#include "namespaces/mount_steps.h"
#include "runtime/clone_inside.h"
#include "runtime/init_steps.h"
#include "runtime/process_plan.h"
#include "runtime/seal.h"
#include "runtime/spec_validate.h"
#include "security/labels.h"
#include "security/limits.h"
#include "security/seccomp_steps.h"

namespace runtime {
namespace {

class HoldInit : public Step {
 public:
  explicit HoldInit(const ProcessIdentity& init)
      : Step(Lane::kHost, "hold the container's init"), init_(init) {}
  Result<void> perform(StepContext& context) const override {
    context.target_pidfd = TRY(open_process(init_));
    return check_first_process(init_.pid);
  }
  std::string say() const override {
    const std::string pid = std::to_string(init_.pid);
    return "pidfd_open(" + pid + "); stat(/proc/" + pid + "/exe)";
  }
  std::string shell() const override { return "PID1=" + std::to_string(init_.pid); }
  Reason why() const override {
    return {
        "a pid can belong to another process a moment later; a pidfd can't. And it must not run our own "
        "file, "
        "which others inside could open",
        "pidfd_open(2)"};
  }

 private:
  ProcessIdentity init_;
};

class OpenOwnRoot : public Step {
 public:
  OpenOwnRoot() : Step(Lane::kInit, "open the container's root") {}
  Result<void> perform(StepContext& context) const override {
    context.root_fd = TRY(sys::open("/", O_PATH | O_DIRECTORY));
    return ok();
  }
  std::string say() const override { return "open(/, O_PATH)"; }
  std::string shell() const override { return "# (a shell looks up paths from its own root)"; }
  Reason why() const override { return {"paths of the container are resolved from here", "openat2(2)"}; }
};

class OpenOwnProcfs : public Step {
 public:
  OpenOwnProcfs() : Step(Lane::kInit, "open the container's /proc") {}
  Result<void> perform(StepContext& context) const override {
    context.proc_fd =
        TRY(sys::openat2(context.root_fd.get(), "proc", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
    // CVE-2019-16884, CVE-2025-52881: on another file system our writes would succeed and do nothing, or
    // something else.
    return TRY_IN("/proc of the container", namespaces::check_procfs(context.proc_fd.get())), ok();
  }
  std::string say() const override { return "openat2(/proc, RESOLVE_NO_SYMLINKS)"; }
  std::string shell() const override { return "# (shell writes to /proc by path)"; }
  Reason why() const override { return {"the process's own settings are written here", "proc(5)"}; }
};

// execCPUAffinity: where the launcher is before it enters the cgroup, and the process when it is inside.
Result<void> add_affinity(Plan& plan, const Process& process, Lane lane) {
  const bool is_initial = lane == Lane::kHost;
  if (is_initial && process.cpu_affinity_initial.empty()) return ok();
  if (process.cpu_affinity_initial.empty() && process.cpu_affinity_final.empty()) return ok();
  const std::string& list = is_initial ? process.cpu_affinity_initial : process.cpu_affinity_final;
  plan.push_back(TRY_IN("execCPUAffinity", security::cpu_affinity_step(lane, list)));
  return ok();
}

bool has_listener(const ExecRequest& request) {
  return std::any_of(request.seccomp.begin(), request.seccomp.end(),
                     [](const auto& program) { return !program.listener_path.empty(); });
}

// Host lane, up to clone.
Result<void> add_host_lane(Plan& plan, const ExecRequest& request, const namespaces::NamespaceSet& own,
                           const HostFacts& host) {
  const Spec& spec = *request.spec;
  const Process& process = *request.process;
  if (!process.apparmor_profile.empty())
    plan.push_back(security::check_apparmor_step(process.apparmor_profile));
  if (!process.selinux_label.empty())
    plan.push_back(security::check_selinux_step("selinuxLabel", process.selinux_label));
  plan.push_back(std::make_unique<HoldInit>(request.init));
  TRY(add_affinity(plan, process, Lane::kHost));
  for (const auto& program : request.seccomp) {
    if (!program.listener_path.empty())
      plan.push_back(security::connect_seccomp_agent_step(program.listener_path));
  }
  add_streams(plan, process, spec.os, own.is_separate("user"));
  cgroups::GroupSteps group;
  if (request.group) {
    group = cgroups::enter_steps(*request.group);
  } else if (!spec.os.cgroups_path.empty()) {
    group = TRY(cgroups::enter_steps(host.cgroups, spec.os.cgroups_path));
  }
  for (auto& step : group.before_clone)
    plan.push_back(std::move(step));
  plan.push_back(clone_inside_step(own, {.join = std::move(group.join),
                                         .grants = TRY(grants_of(process, own.is_separate("user"))),
                                         .preserve_fds = request.preserve_fds,
                                         .tells_pid = has_listener(request)}));
  return ok();
}

}  // namespace

Result<Plan> make_exec_plan(ExecRequest request, const HostFacts& host) {
  Plan plan;
  const Spec& spec = *request.spec;
  const Process& process = *request.process;
  TRY(validate_process(process, "/process"));
  const auto own = TRY(namespaces::NamespaceSet::from(spec.os.namespaces));
  TRY(add_host_lane(plan, request, own, host));
  TRY(add_affinity(plan, process, Lane::kInit));
  plan.push_back(std::make_unique<OpenOwnRoot>());
  if (own.is_separate("user")) plan.push_back(namespaces::become_root_step());
  if (writes_to_procfs(process, own.is_separate("user"))) plan.push_back(std::make_unique<OpenOwnProcfs>());
  if (process.terminal) plan.push_back(console_step(process, ConsoleDevice::kLeave));
  ProcessPlan steps;
  steps.process = &process;
  steps.os = &spec.os;
  steps.seccomp = std::move(request.seccomp);
  steps.listened = {request.id,       request.bundle, spec.oci_version,
                    spec.annotations, "running",      request.init.pid};
  steps.preserve_fds = request.preserve_fds;
  steps.in_user_namespace = own.is_separate("user");
  TRY(add_process_steps(plan, std::move(steps)));
  return plan;
}

}  // namespace runtime
