// Network interfaces of the host that become a container's (linux.netDevices): moved, renamed, with their
// permanent global addresses, and set up. By rtnetlink(7).
#pragma once

#include <string>

#include "base/step.h"

namespace namespaces {

struct NetDeviceMove {
  std::string host_name;
  std::string container_name;     // one that ends in "%d" is a template: the first number that is free
  std::string network_namespace;  // path; empty: that of context.init_pid
};

// Host lane, after clone. perform: kNotFound when the host has no such interface, kConflict when the
// container has one of that name, kUnsupported for one that is bound to its namespace (a loopback, a bridge's
// own). There is nothing to undo: the kernel gives a physical interface back to the host when the namespace
// ends, and deletes a virtual one. Source: runtime-spec config-linux.md "Network Devices".
StepPtr move_net_device_step(NetDeviceMove move);

}  // namespace namespaces
