// The step in the middle of a plan: one clone3(2) makes the init in all its new namespaces and in its v2
// cgroup.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/step.h"
#include "namespaces/ns_set.h"

namespace runtime {

class CloneStep : public Step {
 public:
  // Leaves out what can't be done by clone: the time namespace (its offsets freeze when a process is inside),
  // and the cgroup namespace where v1 hierarchies are joined after clone (`cgroup_later`).
  CloneStep(const namespaces::NamespaceSet& namespaces, bool cgroup_later);

  // True when other namespaces are joined by path besides a user namespace. The init could not join those
  // that the host's root owns once it is in the user namespace, and new ones must be made inside of it: a
  // helper, which is still the host's root, joins all of them but the cgroup namespace and then clones the
  // init as the launcher's child. With a pid namespace among them it is the init itself, outside of that.
  static bool joins_by_helper(const namespaces::NamespaceSet& namespaces);

  // Returns on both sides; context.in_child tells which. In the parent init_pid and init_pidfd are set.
  Result<void> perform(StepContext& context) const override;
  std::string say() const override;
  // The unshare(1) command, without the program to run.
  std::string shell() const override;
  Reason why() const override;
  std::string observe(const StepContext& context) const override;

 private:
  struct Opened {
    Fd fd;
    int flag = 0;
  };
  // The namespaces at given paths but a pid namespace, in the order to join them.
  Result<std::vector<Opened>> open_paths() const;
  Result<void> clone_by_helper(StepContext& context) const;
  // In the helper: nothing but the init comes back from it.
  Result<void> join_and_clone(StepContext& context, const std::vector<Opened>& joined) const;
  // In the helper, which is the init: joins, and makes the new namespaces around itself. Its children are
  // born in the joined pid namespace, which it could not enter later.
  Result<void> join_and_stay(StepContext& context, const std::vector<Opened>& joined) const;

  namespaces::NamespaceSet namespaces_;
  unsigned long flags_ = 0;
};

// Joins the cgroup namespace that the helper (joins_by_helper) has opened and kept. Not before the clone:
// where v2 is mounted with nsdelegate, nobody may be put into a cgroup outside of the own cgroup namespace
// (cgroups(7), Linux Documentation/admin-guide/cgroup-v2.rst "Delegation Containment"; ENOENT).
StepPtr join_kept_cgroup_namespace_step();

}  // namespace runtime
