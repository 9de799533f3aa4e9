// From limits to files: pure translation of Resources to what is written where, for v2 and for v1, and the
// writing. Sources: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/*.rst, runtime-spec config-linux.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroups/group.h"
#include "cgroups/resources.h"

namespace cgroups {

// One write to one file of a controller.
struct LimitWrite {
  std::string controller;  // "memory"; "" for v2 core files
  std::string file;        // "memory.max"
  std::string text;        // "67108864"
  // Written instead when `file` does not exist: the same limit under another name of another kernel.
  std::string other_file = {};
  std::string other_text = {};
  std::string directory = {};  // absolute; filled by limit_writes
  bool operator==(const LimitWrite&) const = default;
};

// Pure, one world each, without directories; a limit that this version of cgroups does not know is
// kUnsupported, a value out of the kernel's range or form kInvalid. Device rules are cgroups/devices.h's.
Result<std::vector<LimitWrite>> v2_limits(const Resources& resources);
Result<std::vector<LimitWrite>> v1_limits(const Resources& resources);

// Pure: pids, cpuset and rdma, which both versions spell alike; values must have been checked.
Result<std::vector<LimitWrite>> shared_limits(const Resources& resources);

// Pure: all writes for this host, each controller where it lives (v2 first, else v1), in an order that a
// fresh group takes. kUnsupported when a limit's controller is on no hierarchy; the text names it and where
// was looked.
Result<std::vector<LimitWrite>> limit_writes(const Layout& layout, const Group& group,
                                             const Resources& resources);

// Performs them. Files that bound each other (memory and memory+swap, quota and burst) need opposite orders
// for raising and lowering: a write refused with EINVAL or EBUSY is tried again after the others. Errors name
// file and text; the writes that succeeded stay.
Result<void> write_limits(const std::vector<LimitWrite>& writes);

// What update_limits() writes: an absent value that shares a file with a given one is the present one. Errors
// as its.
Result<Resources> complete_limits(const Layout& layout, const Group& group, Resources resources);

// Changes the limits of a live group (docker update), all or none: what was written before a refused one is
// put back. Absent limits keep their value. Device rules are left as they are. Errors as limit_writes() and
// write_limits(); with memory.check_before_update also kConflict when more memory is in use than the new
// limit.
Result<void> update_limits(const Layout& layout, const Group& group, const Resources& resources);

// cpu.shares (2..262144) as cpu.weight (1..10000), by runc's and crun's formula of 2025: 1024 is 100.
uint64_t cpu_weight_of_shares(uint64_t shares);
// blkio.weight (10..1000) as io.weight (1..10000).
uint64_t io_weight_of_blkio(uint64_t weight);
// "0-1,3" checked and spelled with the fewest ranges: kInvalid for bad syntax or a number over 8191
// (CONFIG_NR_CPUS' highest), so that no list is expanded from a hostile range.
Result<std::string> normal_cpu_list(std::string_view list);

}  // namespace cgroups
