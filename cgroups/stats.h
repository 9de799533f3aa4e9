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
struct PressureLine {
  double avg10 = 0;
  double avg60 = 0;
  double avg300 = 0;
  uint64_t total_us = 0;
};
struct Pressure {
  PressureLine some;
  PressureLine full;
};

// What v1's files of block I/O count, and v2's io.stat of it: "io_service_bytes" and "io_serviced" with
// "Read", "Write" and, on v1, more operations.
struct IoCount {
  int64_t major = 0;
  int64_t minor = 0;
  std::string operation;
  uint64_t value = 0;
};
struct IoTable {
  std::string name;
  std::vector<IoCount> counts;
};

// One of v1's counters of memory; the limit as the kernel spells it.
struct MemoryUse {
  uint64_t limit = 0;
  uint64_t usage = 0;
  uint64_t peak = 0;
  uint64_t failures = 0;
};

// v1's cpuset: what is set, and the switches by their files' names without "cpuset.".
struct CpusetUse {
  std::vector<uint64_t> cpus;
  std::vector<uint64_t> mems;
  std::vector<std::pair<std::string, int64_t>> switches;
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
  std::optional<uint64_t> memory_limit;    // absent: unlimited
  uint64_t memory_unlimited = UINT64_MAX;  // how this kernel spells it
  std::optional<uint64_t> memory_inactive_file;
  std::optional<uint64_t> memory_failures;                        // how often the limit was in the way
  std::vector<std::pair<std::string, uint64_t>> memory_counters;  // all of memory.stat
  std::optional<uint64_t> swap_usage;
  std::optional<uint64_t> swap_limit;  // of memory and swap together; absent: unlimited
  std::optional<uint64_t> swap_peak;   // of both, v1 alone
  std::optional<uint64_t> swap_failures;
  std::optional<MemoryUse> kernel_memory;  // v1 alone, as the next
  std::optional<MemoryUse> tcp_memory;
  std::optional<uint64_t> oom_kills;
  std::optional<uint64_t> cpu_usage_us;
  std::optional<uint64_t> cpu_user_us;
  std::optional<uint64_t> cpu_system_us;
  std::vector<uint64_t> cpu_each_ns;  // of each processor, v1 alone, as the next two
  std::vector<uint64_t> cpu_each_kernel_ns;
  std::vector<uint64_t> cpu_each_user_ns;
  std::optional<uint64_t> cpu_periods;
  std::optional<uint64_t> cpu_throttled_periods;
  std::optional<uint64_t> cpu_throttled_us;
  std::optional<uint64_t> pids;
  std::optional<uint64_t> pids_limit;  // absent: unlimited
  std::optional<CpusetUse> cpuset;     // v1 alone
  std::vector<IoTable> io_tables;
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
