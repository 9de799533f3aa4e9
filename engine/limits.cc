#include "engine/limits.h"

#include <cstdio>

#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "cgroups/limits.h"
#include "engine/devices.h"

namespace engine {

namespace {

constexpr int64_t kNanoPerCpu = 1'000'000'000;
constexpr int64_t kLeastNanoCpus = kNanoPerCpu / 100;
constexpr int64_t kPeriodUs = 100'000;
constexpr int64_t kLeastCfsUs = 1'000;
constexpr int64_t kGreatestPeriodUs = 1'000'000;

Result<void> check_memory(const Limits& limits) {
  const int64_t memory = limits.memory_bytes.value_or(0);
  const int64_t swap = limits.memory_swap_bytes.value_or(0);
  const int64_t reservation = limits.memory_reservation_bytes.value_or(0);
  if (limits.memory_bytes && memory < 0) return invalid("invalid memory limit: must not be negative");
  if (memory > 0 && memory < kMinimumMemoryBytes) return invalid("Minimum memory limit allowed is 6MB");
  if (swap > 0 && memory == 0)
    return invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (memory > 0 && swap > 0 && swap < memory)
    return invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (reservation > 0 && reservation < kMinimumMemoryBytes)
    return invalid("Minimum memory reservation allowed is 6MB");
  if (memory > 0 && reservation > 0 && memory < reservation)
    return invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  const int64_t swappiness = limits.memory_swappiness.value_or(-1);
  constexpr int64_t kGreatestSwappiness = 100;
  if (swappiness < -1 || swappiness > kGreatestSwappiness) {
    return invalid("Invalid value: " + std::to_string(swappiness) +
                   ", valid memory swappiness range is 0-100");
  }
  return ok();
}

Result<void> check_cpu_list(const std::string& list, const char* what) {
  if (list.empty()) return ok();
  if (!cgroups::normal_cpu_list(list)) return invalid("Invalid value " + list + " for " + what);
  return ok();
}

Result<void> check_cpu(const Limits& limits, int host_cpus) {
  const int64_t nano = limits.nano_cpus.value_or(0);
  if (nano > 0 && limits.cpu_period_us.value_or(0) > 0)
    return invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set.");
  if (nano > 0 && limits.cpu_quota_us.value_or(0) > 0)
    return invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
  if (nano != 0 && (nano < kLeastNanoCpus || nano > host_cpus * kNanoPerCpu)) {
    return invalid("Range of CPUs is from 0.01 to " + std::to_string(host_cpus) + ".00, as there are only " +
                   std::to_string(host_cpus) + " CPUs available");
  }
  if (limits.cpu_shares.value_or(0) < 0) {
    return invalid("invalid CPU shares (" + std::to_string(*limits.cpu_shares) +
                   "): value must be a positive integer");
  }
  const int64_t period = limits.cpu_period_us.value_or(0);
  if (period != 0 && (period < kLeastCfsUs || period > kGreatestPeriodUs)) {
    return invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  const int64_t quota = limits.cpu_quota_us.value_or(0);
  if (quota > 0 && quota < kLeastCfsUs) return invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  TRY(check_cpu_list(limits.cpuset_cpus, "cpuset cpus"));
  return check_cpu_list(limits.cpuset_mems, "cpuset mems");
}

Result<void> check_rates(const std::vector<std::string>& texts, bool in_bytes) {
  for (const auto& text : texts)
    TRY(parse_device_rate(text, in_bytes));
  return ok();
}

Result<std::vector<cgroups::BlockIoDevice>> rates_of(const std::vector<std::string>& texts, bool in_bytes) {
  std::vector<cgroups::BlockIoDevice> devices;
  for (const auto& text : texts) {
    const DeviceRate parsed = TRY(parse_device_rate(text, in_bytes));
    const DeviceNumber number = TRY(block_device_number(parsed.path));
    cgroups::BlockIoDevice device;
    device.major = number.major;
    device.minor = number.minor;
    device.rate = static_cast<uint64_t>(parsed.rate);
    devices.push_back(device);
  }
  return devices;
}

// Docker's words for what the kernel would refuse with a number. `online` is "0-1", as /sys has it.
Result<void> check_online(const std::string& wanted, const char* file, const char* what) {
  const auto online = read_file(std::string("/sys/devices/system/") + file);
  if (wanted.empty() || !online) return ok();
  const std::string there = TRY(cgroups::normal_cpu_list(trim(*online)));
  const std::string both = TRY(cgroups::normal_cpu_list(there + "," + wanted));
  if (both == there) return ok();
  return invalid(std::string("Requested ") + what + " are not available - requested " + wanted +
                 ", available: " + there);
}

void set_memory(const Limits& limits, cgroups::Memory& memory) {
  const int64_t limit = limits.memory_bytes.value_or(0);
  const int64_t swap = limits.memory_swap_bytes.value_or(0);
  if (limit > 0) {
    memory.limit_bytes = limit;
    memory.swap_bytes = swap != 0 ? swap : 2 * limit;
  }
  if (limits.memory_reservation_bytes.value_or(0) > 0)
    memory.reservation_bytes = limits.memory_reservation_bytes;
  if (limits.memory_swappiness.value_or(-1) >= 0)
    memory.swappiness = static_cast<uint64_t>(*limits.memory_swappiness);
  if (limits.oom_kill_disable) memory.disable_oom_killer = true;
}

void set_cpu(const Limits& limits, cgroups::Cpu& cpu) {
  if (limits.cpu_shares.value_or(0) > 0) cpu.shares = static_cast<uint64_t>(*limits.cpu_shares);
  if (limits.nano_cpus.value_or(0) > 0) {
    cpu.period_us = static_cast<uint64_t>(kPeriodUs);
    cpu.quota_us = *limits.nano_cpus * kPeriodUs / kNanoPerCpu;
  }
  if (limits.cpu_period_us.value_or(0) > 0) cpu.period_us = static_cast<uint64_t>(*limits.cpu_period_us);
  if (limits.cpu_quota_us.value_or(0) != 0) cpu.quota_us = limits.cpu_quota_us;
  cpu.cpus = limits.cpuset_cpus;
  cpu.mems = limits.cpuset_mems;
}

}  // namespace

Result<DeviceRate> parse_device_rate(const std::string& text, bool in_bytes) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return invalid("bad format: " + text);
  const std::string path = text.substr(0, colon);
  if (!path.starts_with("/dev/")) return invalid("bad format for device path: " + text);
  const std::string amount = text.substr(colon + 1);
  const auto rate = in_bytes ? parse_size(amount) : parse_int(amount);
  if (rate && *rate >= 0) return DeviceRate{path, *rate};
  return invalid(
      "invalid rate for device: " + text + ". The correct format is <device-path>:<number>" +
      (in_bytes ? "[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
                : ". Number must be a positive integer"));
}

Result<void> check_limits(const Limits& limits, int host_cpus) {
  TRY(check_memory(limits));
  TRY(check_cpu(limits, host_cpus));
  const int64_t weight = limits.blkio_weight.value_or(0);
  constexpr int64_t kLeastWeight = 10;
  constexpr int64_t kGreatestWeight = 1000;
  if (weight != 0 && (weight < kLeastWeight || weight > kGreatestWeight))
    return invalid("Range of blkio weight is from 10 to 1000");
  for (const auto* rates : {&limits.device_read_bps, &limits.device_write_bps})
    TRY(check_rates(*rates, true));
  for (const auto* rates : {&limits.device_read_iops, &limits.device_write_iops})
    TRY(check_rates(*rates, false));
  return ok();
}

Result<cgroups::Resources> resources_of(const Limits& limits) {
  cgroups::Resources resources;
  TRY(check_online(limits.cpuset_cpus, "cpu/online", "CPUs"));
  TRY(check_online(limits.cpuset_mems, "node/online", "memory nodes"));
  set_memory(limits, resources.memory);
  set_cpu(limits, resources.cpu);
  if (limits.blkio_weight.value_or(0) > 0)
    resources.block_io.weight = static_cast<uint64_t>(*limits.blkio_weight);
  resources.block_io.read_bps = TRY(rates_of(limits.device_read_bps, true));
  resources.block_io.write_bps = TRY(rates_of(limits.device_write_bps, true));
  resources.block_io.read_iops = TRY(rates_of(limits.device_read_iops, false));
  resources.block_io.write_iops = TRY(rates_of(limits.device_write_iops, false));
  const int64_t pids = limits.pids_limit.value_or(kDefaultPidsLimit);
  // 0 and below: no limit is written at all, which the kernel means by "max".
  if (pids > 0) resources.pids_limit = pids;
  return resources;
}

}  // namespace engine
