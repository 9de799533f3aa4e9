// The systemd cgroup driver: the container's cgroup is that of a transient scope, which systemd makes and
// delegates to us, so that systemd's view of the host and ours agree (systemd's CGROUP_DELEGATION.md,
// org.freedesktop.systemd1(5)).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"
#include "cgroups/resources.h"
#include "cgroups/systemd_limits.h"

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
  std::string own_socket = "/run/systemd/private";  // systemd's, for root, where no bus runs
};

// Pure: the properties that annotations "org.systemd.property.NAME" ask for, as runc and crun have it (podman
// names the signal and the time to stop so). The value is GVariant's text: true, 5, uint64 5, 'text', ['a',
// 'b']; kInvalid for what is none of these.
Result<std::vector<UnitProperty>> unit_properties(const std::map<std::string, std::string>& annotations);

struct ScopeRequest {
  SystemdUnit unit;
  std::string id;
  Resources resources;
  std::vector<UnitProperty> properties;
  bool on_v2 = true;         // systemd_is_on_v2()
  std::string io_directory;  // io_directory_of() the container's group
};

// Host lane: starts the scope with a process that holds it until the container is inside; the limits go along
// as properties, so that `systemctl` shows them and a reload does not take them back. perform: kUnsupported
// without systemd, and for all but the host's root; kSystem with systemd's words. The undo of the cgroup
// empties the scope, its own ends it.
StepPtr start_scope_step(ScopeRequest request, SystemdHost host = {});

// Changes the limits of a scope that runs, those that systemd has properties for: what it does not know it
// takes back when it is reloaded. `change.resources` are complete (cgroups::complete_limits()). kSystem with
// systemd's words, kNotFound when systemd does not answer.
struct ScopeChange {
  std::string unit;
  Resources resources;
  bool on_v2 = true;  // as in ScopeRequest
  std::string io_directory;
};
Result<void> update_scope(const ScopeChange& change, const SystemdHost& host = {});

// The undo kind "scope": returns when systemd has forgotten the unit, so that its name can be used again.
// What systemd does not know, or without systemd, is no error. kSystem otherwise.
Result<void> stop_scope(const std::string& unit, const SystemdHost& host = {});

}  // namespace cgroups
