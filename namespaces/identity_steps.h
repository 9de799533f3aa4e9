// Steps on the namespaces themselves: joining existing ones, id maps, clock offsets, names, sysctls, the
// loopback.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "namespaces/mounts.h"
#include "namespaces/ns_set.h"

namespace namespaces {

// setns(2) into the namespace at `path`, by the init itself. Not for a pid namespace: that moves only the
// children of the caller.
StepPtr join_namespace_step(const NamespaceKind& kind, const std::string& path);

// Moves into a new cgroup namespace whose root is the cgroup the init is in by now.
StepPtr unshare_cgroup_step();

// Host lane, after clone: writes /proc/PID/uid_map and gid_map of the init. user_namespaces(7).
StepPtr write_id_maps_step(const std::vector<IdMap>& uid_maps, const std::vector<IdMap>& gid_maps);
// Init lane, after the maps: becomes user 0 of the new user namespace.
StepPtr become_root_step();

struct ClockOffset {
  std::string clock;  // "boottime" or "monotonic"
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
};
// Makes a time namespace, sets its offsets while that is still possible, and enters it. time_namespaces(7).
StepPtr time_namespace_step(const std::vector<ClockOffset>& offsets);

StepPtr hostname_step(const std::string& hostname);
StepPtr domainname_step(const std::string& domainname);
// Sets `lo` up in the container's network namespace.
StepPtr loopback_up_step();

// Writes sysctls ("net.ipv4.ip_forward" or "net/ipv4/ip_forward") through context.proc_fd. Errors while
// planning: kInvalid for a name that belongs to no namespace the container has of its own: it would change
// the host.
Result<StepPtr> sysctl_step(const std::map<std::string, std::string>& values, const NamespaceSet& namespaces);
// Host lane, before anything is made: that a namespace which these sysctls are of and which is joined by path
// is not the host's own. One step for each such namespace, none if all are new.
std::vector<StepPtr> check_sysctl_namespaces_steps(const std::map<std::string, std::string>& values,
                                                   const NamespaceSet& namespaces);

}  // namespace namespaces
