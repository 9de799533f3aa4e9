// v1: file names and units of Documentation/admin-guide/cgroup-v1/*.rst.
#include <algorithm>
#include <cstdint>

#include "cgroups/limits.h"
#include "cgroups/limits_check.h"

namespace cgroups {
namespace {

using Writes = std::vector<LimitWrite>;

void add_memory(const Memory& memory, Writes& out) {
  const auto add = [&](const char* file, std::optional<int64_t> value) {
    if (value.value_or(0) != 0) out.push_back({"memory", file, std::to_string(*value)});
  };
  add("memory.limit_in_bytes", memory.limit_bytes);
  add("memory.memsw.limit_in_bytes", memory.swap_bytes);
  add("memory.soft_limit_in_bytes", memory.reservation_bytes);
  if (memory.swappiness) out.push_back({"memory", "memory.swappiness", std::to_string(*memory.swappiness)});
  if (memory.disable_oom_killer.value_or(false)) out.push_back({"memory", "memory.oom_control", "1"});
}

void add_cpu(const Cpu& cpu, Writes& out) {
  const auto add = [&](const char* file, auto value) {
    if (value.value_or(0) != 0) out.push_back({"cpu", file, std::to_string(*value)});
  };
  if (cpu.idle) out.push_back({"cpu", "cpu.idle", std::to_string(*cpu.idle)});
  if (cpu.idle.value_or(0) != 1) add("cpu.shares", cpu.shares);
  add("cpu.cfs_period_us", cpu.period_us);
  add("cpu.cfs_quota_us", cpu.quota_us);
  if (cpu.burst_us) out.push_back({"cpu", "cpu.cfs_burst_us", std::to_string(*cpu.burst_us)});
  add("cpu.rt_period_us", cpu.realtime_period_us);
  add("cpu.rt_runtime_us", cpu.realtime_runtime_us);
}

// blkio.weight went with the CFQ scheduler (5.0); BFQ has its own.
void add_weight(const char* name, const std::string& device, uint64_t weight, Writes& out) {
  if (weight == 0) return;
  const std::string text = device + std::to_string(weight);
  out.push_back({"blkio", std::string("blkio.") + name, text, std::string("blkio.bfq.") + name, text});
}

void add_block_io(const BlockIo& io, Writes& out) {
  add_weight("weight", "", io.weight.value_or(0), out);
  if (io.leaf_weight.value_or(0) != 0) {
    out.push_back({"blkio", "blkio.leaf_weight", std::to_string(*io.leaf_weight)});
  }
  const auto name = [](const BlockIoDevice& device) {
    return std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
  };
  for (const BlockIoDevice& device : io.weight_devices) {
    add_weight("weight_device", name(device), device.weight.value_or(0), out);
    if (device.leaf_weight.value_or(0) != 0) {
      out.push_back(
          {"blkio", "blkio.leaf_weight_device", name(device) + std::to_string(*device.leaf_weight)});
    }
  }
  struct Rates {
    const std::vector<BlockIoDevice>* devices;
    const char* file;
    uint64_t highest = UINT64_MAX;
  };
  constexpr uint64_t kMostOperations = UINT32_MAX;  // the kernel drops the upper 32 bits
  for (const Rates& rates : {Rates{&io.read_bps, "blkio.throttle.read_bps_device"},
                             Rates{&io.write_bps, "blkio.throttle.write_bps_device"},
                             Rates{&io.read_iops, "blkio.throttle.read_iops_device", kMostOperations},
                             Rates{&io.write_iops, "blkio.throttle.write_iops_device", kMostOperations}}) {
    for (const BlockIoDevice& device : *rates.devices) {
      const uint64_t rate = std::min(device.rate.value_or(0), rates.highest);
      out.push_back({"blkio", rates.file, name(device) + std::to_string(rate)});
    }
  }
}

void add_hugepages(const Resources& resources, Writes& out) {
  for (const HugepageLimit& limit : resources.hugepages) {
    const std::string stem = "hugetlb." + limit.page_size;
    const std::string text = std::to_string(limit.limit_bytes);
    out.push_back({"hugetlb", stem + ".limit_in_bytes", text});
    out.push_back({"hugetlb", stem + ".rsvd.limit_in_bytes", text, stem + ".limit_in_bytes", text});
  }
}

}  // namespace

Result<std::vector<LimitWrite>> v1_limits(const Resources& resources) {
  TRY(check_resources(resources));
  Writes writes = TRY(shared_limits(resources));
  add_memory(resources.memory, writes);
  add_cpu(resources.cpu, writes);
  add_block_io(resources.block_io, writes);
  add_hugepages(resources, writes);
  if (resources.network_class_id.value_or(0) != 0) {
    writes.push_back({"net_cls", "net_cls.classid", std::to_string(*resources.network_class_id)});
  }
  for (const NetworkPriority& priority : resources.network_priorities) {
    writes.push_back(
        {"net_prio", "net_prio.ifpriomap", priority.name + " " + std::to_string(priority.priority)});
  }
  if (!resources.unified.empty()) {
    return unsupported("unified " + resources.unified.begin()->first + ": cgroup v1 has no such files");
  }
  return writes;
}

}  // namespace cgroups
