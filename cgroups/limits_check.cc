#include "cgroups/limits_check.h"

#include <string>
#include <string_view>

#include "base/strings.h"
#include "cgroups/limits.h"

namespace cgroups {
namespace {

Error out_of_range(const std::string& what, const std::string& value, const std::string& range) {
  return invalid(what + " " + value + " is out of range: " + range);
}

Result<void> check_memory(const Memory& memory) {
  const int64_t limit = memory.limit_bytes.value_or(0);
  const int64_t swap = memory.swap_bytes.value_or(0);
  if (limit < -1) return out_of_range("memory limit", std::to_string(limit), "-1 or bytes");
  if (swap < -1) return out_of_range("memory+swap limit", std::to_string(swap), "-1 or bytes");
  if (memory.reservation_bytes.value_or(0) < -1) return invalid("memory reservation is below -1");
  if (swap > 0 && limit == 0) {
    return invalid("a memory+swap limit needs a memory limit: it is the sum of both");
  }
  if (swap > 0 && (limit == -1 || swap < limit)) {
    return invalid("memory+swap limit " + std::to_string(swap) +
                   " is below the memory limit: it is the sum " + "of both");
  }
  constexpr uint64_t kMaxSwappiness = 100;
  if (memory.swappiness.value_or(0) > kMaxSwappiness) {
    return out_of_range("memory swappiness", std::to_string(*memory.swappiness), "0 to 100");
  }
  return ok();
}

// In runc's words, which scripts may read.
Result<void> check_shares(uint64_t shares) {
  constexpr uint64_t kMin = 2;
  constexpr uint64_t kMax = 262'144;
  if (shares != 0 && shares < kMin)
    return invalid("the minimum allowed cpu-shares is " + std::to_string(kMin));
  if (shares > kMax) return invalid("the maximum allowed cpu-shares is " + std::to_string(kMax));
  return ok();
}

Result<void> check_cpu(const Cpu& cpu) {
  TRY(check_shares(cpu.shares.value_or(0)));
  constexpr uint64_t kMinPeriod = 1000;
  constexpr uint64_t kMaxPeriod = 1'000'000;
  const uint64_t period = cpu.period_us.value_or(0);
  if (period != 0 && (period < kMinPeriod || period > kMaxPeriod)) {
    return out_of_range("cpu period", std::to_string(period), "1000 to 1000000 us");
  }
  const int64_t quota = cpu.quota_us.value_or(0);
  if (quota > 0 && quota < static_cast<int64_t>(kMinPeriod)) {
    return out_of_range("cpu quota", std::to_string(quota), "1000 us at least, or -1");
  }
  if (cpu.idle && (*cpu.idle < 0 || *cpu.idle > 1)) return invalid("cpu idle is neither 0 nor 1");
  TRY(normal_cpu_list(cpu.cpus));
  TRY(normal_cpu_list(cpu.mems));
  return ok();
}

Result<void> check_device(const BlockIoDevice& device) {
  constexpr int64_t kMaxMajor = (1 << 12) - 1;  // MINORBITS is 20, dev_t 32 bits
  constexpr int64_t kMaxMinor = (1 << 20) - 1;
  if (device.major < 0 || device.major > kMaxMajor || device.minor < 0 || device.minor > kMaxMinor) {
    return invalid("block device " + std::to_string(device.major) + ":" + std::to_string(device.minor) +
                   " is not a device number");
  }
  return ok();
}

Result<void> check_weight(std::optional<uint64_t> weight) {
  constexpr uint64_t kMin = 10;
  constexpr uint64_t kMax = 1000;
  const uint64_t value = weight.value_or(0);
  if (value != 0 && (value < kMin || value > kMax)) {
    return out_of_range("block io weight", std::to_string(value), "10 to 1000");
  }
  return ok();
}

Result<void> check_block_io(const BlockIo& io) {
  TRY(check_weight(io.weight));
  TRY(check_weight(io.leaf_weight));
  for (const BlockIoDevice& device : io.weight_devices) {
    TRY(check_device(device));
    if (!device.weight && !device.leaf_weight) return invalid("a block io weight of a device without weight");
    TRY(check_weight(device.weight));
    TRY(check_weight(device.leaf_weight));
  }
  for (const auto* rates : {&io.read_bps, &io.write_bps, &io.read_iops, &io.write_iops}) {
    for (const BlockIoDevice& device : *rates) {
      TRY(check_device(device));
      if (!device.rate) return invalid("a block io throttle without rate");
    }
  }
  return ok();
}

// "2MB", "1GB", "64KB": hugetlb's file names hold it, so nothing else may pass.
Result<void> check_page_size(const std::string& size) {
  const std::string_view text = size;
  const bool unit_is_good =
      text.size() > 2 && (text.ends_with("KB") || text.ends_with("MB") || text.ends_with("GB"));
  const bool number_is_good = unit_is_good && text[0] != '0' && parse_uint(text.substr(0, text.size() - 2));
  if (!number_is_good) return invalid("huge page size '" + printable(size) + "' is not like 2MB or 1GB");
  return ok();
}

bool has_blank(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c == '\x7f') return true;
  }
  return false;
}

// A key is a file name of the cgroup; those that move processes or stop them are no limits.
Result<void> check_unified(const std::string& key, const std::string& value) {
  for (const char* refused : {"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.type",
                              "cgroup.subtree_control"}) {
    if (key == refused) return invalid("unified: " + key + " is not a limit");
  }
  const bool is_name = key.find('.') != std::string::npos && key[0] != '.' && !has_blank(key) &&
                       key.find('/') == std::string::npos;
  if (!is_name) return invalid("unified: '" + printable(key) + "' is not a cgroup file name");
  // An empty text is the number 0 to most files: memory.max would kill the container.
  if (trim(value).empty() && !(value.empty() && key.starts_with("cpuset.")))
    return invalid("unified: the value of " + printable(key) + " is empty");
  if (value.find('\0') != std::string::npos)
    return invalid("unified: the value of " + printable(key) + " has a NUL byte");
  return ok();
}

}  // namespace

Result<void> check_resources(const Resources& resources) {
  TRY(check_memory(resources.memory));
  TRY(check_cpu(resources.cpu));
  TRY(check_block_io(resources.block_io));
  for (const HugepageLimit& limit : resources.hugepages)
    TRY(check_page_size(limit.page_size));
  for (const RdmaLimit& limit : resources.rdma) {
    if (limit.device.empty() || has_blank(limit.device)) return invalid("rdma: bad device name");
    if (!limit.hca_handles && !limit.hca_objects) return invalid("rdma: a limit without handles or objects");
  }
  for (const NetworkPriority& priority : resources.network_priorities) {
    if (priority.name.empty() || has_blank(priority.name))
      return invalid("network priority: bad interface name");
  }
  for (const auto& [key, value] : resources.unified)
    TRY(check_unified(key, value));
  return ok();
}

}  // namespace cgroups
