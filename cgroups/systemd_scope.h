// The systemd cgroup driver: the container's cgroup is that of a transient scope, which systemd makes and
// delegates to us, so that systemd's view of the host and ours agree (systemd's CGROUP_DELEGATION.md,
// org.freedesktop.systemd1(5)).
#pragma once

#include <string>

#include "base/result.h"
#include "base/step.h"
#include "cgroups/resources.h"

namespace cgroups {

struct SystemdUnit {
  std::string slice;  // "a-b.slice"
  std::string name;   // "docker-ID.scope"
  std::string path;   // "/a.slice/a-b.slice/docker-ID.scope"
};

// Pure: "slice:prefix:name" as callers give it with --systemd-cgroup. An empty slice is system.slice, an
// empty path that and `id`; a name that ends in .slice is refused: a slice holds no processes. kInvalid for
// another form, or names that systemd does not take (systemd.unit(5)).
Result<SystemdUnit> systemd_unit(const std::string& cgroups_path, const std::string& id);

// Where systemd is asked; tests have their own.
struct SystemdHost {
  std::string running_mark = "/run/systemd/system";  // sd_booted(3)
  std::string bus_socket = "/run/dbus/system_bus_socket";
};

// Host lane: starts the scope with a process that holds it until the container is inside; the limits go along
// as properties, so that `systemctl` shows them and a reload does not take them back. perform: kUnsupported
// without systemd, kSystem with systemd's words. The undo of the cgroup ends the scope, too.
StepPtr start_scope_step(SystemdUnit unit, const std::string& id, const Resources& resources,
                         bool controllers_on_v2, SystemdHost host = {});

}  // namespace cgroups
