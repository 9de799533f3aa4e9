// A container's limits as properties of its unit: systemd writes its own idea of every cgroup file that it
// has a property for, at a reload or when a unit beside is started; what it was not told it takes back.
// Source: systemd.resource-control(5), org.freedesktop.systemd1(5).
#pragma once

#include <string>
#include <vector>

#include "cgroups/bus_message.h"
#include "cgroups/group.h"
#include "cgroups/resources.h"

namespace cgroups {

// A property of a unit.
struct UnitProperty {
  std::string name;
  BusValue value;
};

// Pure: whether systemd drives the controllers on v2, which it decides by what is mounted on /sys/fs/cgroup;
// on a hybrid host they are on v1.
bool systemd_is_on_v2(const Layout& layout);

// Pure: where systemd drives block I/O for this group.
std::string io_directory_of(const Group& group, bool on_v2);

// Pure: the limits that systemd (from version 244 on) has a property for. `resources` have been checked; an
// entry of `unified` that the kernel would refuse is left out, writing it will tell. Not among them: huge
// pages, RDMA, burst, real time, and on v1 also swap, reservation, cpusets and operations a second, which
// systemd never touches there.
std::vector<UnitProperty> limit_properties(const Resources& resources, bool on_v2);

// Pure: those that depend on the kernel or on systemd's version, for a scope that is there. The weights of
// block I/O are the BFQ scheduler's when the group has its file; systemd has another scale for it, which on
// v1 ends at 181.
std::vector<UnitProperty> weight_properties(const BlockIo& block_io, bool on_v2, bool has_bfq);
// Pure: those of v2 that an older systemd does not know: "idle" (252), the whole group's end by the OOM
// killer (253).
std::vector<UnitProperty> late_properties(const Resources& resources);

// Pure: the device rules, for v1 alone: there systemd opens all devices to a unit that has no rules as soon
// as a unit beside it has some. What it can't say stays closed in its list; a list of what is forbidden it
// has not.
std::vector<UnitProperty> device_properties(const std::vector<DeviceRule>& rules);

}  // namespace cgroups
