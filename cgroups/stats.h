// What a group uses: numbers for stats, inspect --kernel and the recorder, in bytes and microseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "cgroups/group.h"

namespace cgroups {

// Pressure stall information (Documentation/accounting/psi.rst): percent of time and total stall time.
struct Pressure {
  double some_avg10 = 0;
  double full_avg10 = 0;
  uint64_t some_total_us = 0;
  uint64_t full_total_us = 0;
};

struct IoUse {
  int64_t major = 0;
  int64_t minor = 0;
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
  uint64_t reads = 0;
  uint64_t writes = 0;
};

// Pages of one size: "2MB" (cgroup-v2.rst, "HugeTLB").
struct HugePageUse {
  std::string size;
  uint64_t usage = 0;
  std::optional<uint64_t> peak;  // v1 alone
  uint64_t failures = 0;         // how often the limit was in the way
};

// An absent optional: this kernel does not tell.
struct Stats {
  std::optional<uint64_t> memory_usage;
  std::optional<uint64_t> memory_peak;
  std::optional<uint64_t> memory_limit;  // absent: unlimited
  std::optional<uint64_t> memory_inactive_file;
  std::optional<uint64_t> memory_failures;                        // how often the limit was in the way
  std::vector<std::pair<std::string, uint64_t>> memory_counters;  // all of memory.stat
  std::optional<uint64_t> swap_usage;
  std::optional<uint64_t> swap_limit;  // of memory and swap together; absent: unlimited
  std::optional<uint64_t> swap_failures;
  std::optional<uint64_t> oom_kills;
  std::optional<uint64_t> cpu_usage_us;
  std::optional<uint64_t> cpu_user_us;
  std::optional<uint64_t> cpu_system_us;
  std::vector<uint64_t> cpu_each_ns;  // of each processor, v1 alone
  std::optional<uint64_t> cpu_periods;
  std::optional<uint64_t> cpu_throttled_periods;
  std::optional<uint64_t> cpu_throttled_us;
  std::optional<uint64_t> pids;
  std::optional<uint64_t> pids_limit;   // absent: unlimited
  std::vector<IoUse> io;                // one entry a device
  std::vector<HugePageUse> huge_pages;  // one entry a size
  std::optional<Pressure> cpu_pressure;
  std::optional<Pressure> memory_pressure;
  std::optional<Pressure> io_pressure;

  // What docker stats shows: usage less the page cache that can be dropped.
  std::optional<uint64_t> memory_working_set() const;
};

// Reads what the hierarchies have; files that are missing or odd leave their members absent. kNotFound when
// the group does not exist.
Result<Stats> read_stats(const Group& group);

// How many processes the kernel has killed in this group for want of memory (v2 memory.events, v1
// memory.oom_control). kUnsupported when no hierarchy has the memory controller.
Result<uint64_t> oom_kills(const Group& group);

// A descriptor that becomes readable when the group runs out of memory: v2 inotify on memory.events, v1 an
// eventfd on memory.oom_control. After poll(2), drain() and ask oom_kills(). kUnsupported as above.
class OomWatch {
 public:
  static Result<OomWatch> open(const Group& group);
  int fd() const { return fd_.get(); }
  void drain();

 private:
  Fd fd_;
  Fd control_;  // v1: the oom_control file the event is bound to
};

}  // namespace cgroups
