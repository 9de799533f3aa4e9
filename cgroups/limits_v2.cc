// v2: file names and units of Documentation/admin-guide/cgroup-v2.rst "Controllers".
#include <array>
#include <cmath>

#include "base/strings.h"
#include "cgroups/limits.h"
#include "cgroups/limits_check.h"

namespace cgroups {
namespace {

using Writes = std::vector<LimitWrite>;

std::string number_or_max(int64_t value) {
  return value < 0 ? "max" : std::to_string(value);
}

Result<void> add_memory(const Memory& memory, Writes& out) {
  if (memory.swappiness) return unsupported("memory swappiness: cgroup v2 has none for a single cgroup");
  if (memory.disable_oom_killer.value_or(false)) {
    return unsupported("the OOM killer can't be disabled on cgroup v2");
  }
  const int64_t limit = memory.limit_bytes.value_or(0);
  const int64_t swap = memory.swap_bytes.value_or(0);
  const int64_t reservation = memory.reservation_bytes.value_or(0);
  if (limit != 0) out.push_back({"memory", "memory.max", number_or_max(limit)});
  // The spec counts memory + swap, v2 swap alone.
  if (swap > 0) out.push_back({"memory", "memory.swap.max", std::to_string(swap - limit)});
  if (swap < 0) out.push_back({"memory", "memory.swap.max", "max"});
  if (reservation != 0) out.push_back({"memory", "memory.low", number_or_max(reservation)});
  return ok();
}

Result<void> add_cpu(const Cpu& cpu, Writes& out) {
  if (cpu.realtime_runtime_us.value_or(0) != 0 || cpu.realtime_period_us.value_or(0) != 0) {
    return unsupported("realtime cpu limits: cgroup v2 has none");
  }
  const uint64_t shares = cpu.shares.value_or(0);
  const bool goes_idle = cpu.idle.value_or(0) == 1;
  if (cpu.idle) out.push_back({"cpu", "cpu.idle", std::to_string(*cpu.idle)});
  // An idle group refuses a weight.
  if (shares != 0 && !goes_idle) {
    out.push_back({"cpu", "cpu.weight", std::to_string(cpu_weight_of_shares(shares))});
  }
  const int64_t quota = cpu.quota_us.value_or(0);
  const uint64_t period = cpu.period_us.value_or(0);
  if (quota != 0 || period != 0) {
    constexpr uint64_t kDefaultPeriod = 100'000;
    const std::string limit = quota > 0 ? std::to_string(quota) : "max";
    out.push_back({"cpu", "cpu.max", limit + " " + std::to_string(period != 0 ? period : kDefaultPeriod)});
  }
  if (cpu.burst_us) out.push_back({"cpu", "cpu.max.burst", std::to_string(*cpu.burst_us)});
  return ok();
}

std::string device_name(const BlockIoDevice& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
}

// io.weight is the cost model's, io.bfq.weight the BFQ scheduler's; a kernel has the one it is built for.
void add_io_weight(const std::string& device, uint64_t weight, Writes& out) {
  out.push_back({"io", "io.bfq.weight", device + std::to_string(weight), "io.weight",
                 device + std::to_string(io_weight_of_blkio(weight))});
}

Result<void> add_io(const BlockIo& io, Writes& out) {
  if (io.leaf_weight.value_or(0) != 0) return unsupported("block io leaf weight: cgroup v2 has none");
  if (io.weight.value_or(0) != 0) add_io_weight("default ", *io.weight, out);
  for (const BlockIoDevice& device : io.weight_devices) {
    if (device.leaf_weight.value_or(0) != 0) return unsupported("block io leaf weight: cgroup v2 has none");
    if (device.weight.value_or(0) != 0) add_io_weight(device_name(device), *device.weight, out);
  }
  struct Rates {
    const std::vector<BlockIoDevice>* devices;
    const char* key;
  };
  for (const Rates& rates : {Rates{&io.read_bps, "rbps="}, Rates{&io.write_bps, "wbps="},
                             Rates{&io.read_iops, "riops="}, Rates{&io.write_iops, "wiops="}}) {
    for (const BlockIoDevice& device : *rates.devices) {
      const uint64_t rate = device.rate.value_or(0);
      const std::string text = rate == 0 ? "max" : std::to_string(rate);
      out.push_back({"io", "io.max", device_name(device) + rates.key + text});
    }
  }
  return ok();
}

void add_hugepages(const Resources& resources, Writes& out) {
  for (const HugepageLimit& limit : resources.hugepages) {
    const std::string stem = "hugetlb." + limit.page_size;
    const std::string text = std::to_string(limit.limit_bytes);
    out.push_back({"hugetlb", stem + ".max", text});
    // Reservations are charged apart; a kernel before 5.7 has no such file, then the limit is written twice.
    out.push_back({"hugetlb", stem + ".rsvd.max", text, stem + ".max", text});
  }
}

}  // namespace

uint64_t cpu_weight_of_shares(uint64_t shares) {
  constexpr uint64_t kMinShares = 2;
  constexpr uint64_t kMaxShares = 262'144;
  constexpr uint64_t kMaxWeight = 10'000;
  if (shares <= kMinShares) return 1;
  if (shares >= kMaxShares) return kMaxWeight;
  // Through (2, 1), (1024, 100) and (262144, 10000) in log-log space: both defaults meet.
  const double l = std::log2(static_cast<double>(shares));
  const double exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
  return static_cast<uint64_t>(std::ceil(std::pow(10.0, exponent)));
}

uint64_t io_weight_of_blkio(uint64_t weight) {
  constexpr uint64_t kMin = 10;
  constexpr uint64_t kMax = 1000;
  if (weight <= kMin) return 1;
  if (weight >= kMax) return 10'000;
  return 1 + (weight - kMin) * 9999 / (kMax - kMin);
}

Result<std::vector<LimitWrite>> v2_limits(const Resources& resources) {
  TRY(check_resources(resources));
  Writes writes = TRY(shared_limits(resources));
  TRY(add_memory(resources.memory, writes));
  TRY(add_cpu(resources.cpu, writes));
  TRY(add_io(resources.block_io, writes));
  add_hugepages(resources, writes);
  if (resources.network_class_id.value_or(0) != 0) return unsupported("network class id: cgroup v2 has none");
  if (!resources.network_priorities.empty()) return unsupported("network priorities: cgroup v2 has none");
  // Last, so that what the user spelled out by itself wins.
  for (const auto& [key, value] : resources.unified) {
    const std::string controller = key.substr(0, key.find('.'));
    const auto add = [&, &file = key](const std::string& text) {
      writes.push_back({controller == "cgroup" ? "" : controller, file, text});
    };
    if (value.empty())
      add("\n");  // a set of CPUs that becomes the parent's; a write(2) of nothing would be none
    // One device a write is what the kernel takes of io.max and its like.
    for (const std::string& line : split(value, '\n')) {
      if (!line.empty()) add(line);
    }
  }
  return writes;
}

}  // namespace cgroups
