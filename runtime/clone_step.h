// The step in the middle of a plan: one clone3(2) makes the init in all its new namespaces and in its v2
// cgroup.
#pragma once

#include <string>

#include "base/step.h"
#include "namespaces/ns_set.h"

namespace runtime {

class CloneStep : public Step {
 public:
  // Leaves out what can't be done by clone: the time namespace (its offsets freeze when a process is inside),
  // and the cgroup namespace where v1 hierarchies are joined after clone (`cgroup_later`).
  CloneStep(const namespaces::NamespaceSet& namespaces, bool cgroup_later);

  // Returns on both sides; context.in_child tells which. In the parent init_pid and init_pidfd are set.
  Result<void> perform(StepContext& context) const override;
  std::string say() const override;
  // The unshare(1) command, without the program to run.
  std::string shell() const override;
  Reason why() const override;
  std::string observe(const StepContext& context) const override;

 private:
  namespaces::NamespaceSet namespaces_;
  unsigned long flags_ = 0;
};

}  // namespace runtime
