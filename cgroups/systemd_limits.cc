#include "cgroups/systemd_limits.h"

#include <algorithm>

#include "base/strings.h"
#include "base/units.h"
#include "cgroups/devices.h"
#include "cgroups/limits.h"

namespace cgroups {
namespace {

using Properties = std::vector<UnitProperty>;

constexpr uint64_t kUnset = UINT64_MAX;  // systemd's "infinity", and for a weight "not set"
constexpr uint64_t kDefaultPeriod = 100'000;

uint64_t or_unlimited(int64_t value) {
  return value < 0 ? kUnset : static_cast<uint64_t>(value);
}

std::string node_of(const BlockIoDevice& device) {
  return "/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor);
}

void add_memory(const Memory& memory, bool on_v2, Properties& out) {
  const int64_t limit = memory.limit_bytes.value_or(0);
  const int64_t swap = memory.swap_bytes.value_or(0);
  const int64_t reservation = memory.reservation_bytes.value_or(0);
  if (limit != 0) out.push_back({on_v2 ? "MemoryMax" : "MemoryLimit", or_unlimited(limit)});
  if (!on_v2) return;
  if (swap != 0) out.push_back({"MemorySwapMax", swap < 0 ? kUnset : or_unlimited(swap - limit)});
  if (reservation != 0) out.push_back({"MemoryLow", or_unlimited(reservation)});
}

// systemd's CPUQuota counts in whole percents.
void add_quota(int64_t quota, uint64_t period, Properties& out) {
  constexpr uint64_t kSecondUs = 1'000'000;
  constexpr uint64_t kStepUs = 10'000;
  if (period != 0) out.push_back({"CPUQuotaPeriodUSec", period});
  if (quota == 0) return;
  const uint64_t in_second =
      static_cast<uint64_t>(quota) * kSecondUs / (period != 0 ? period : kDefaultPeriod);
  out.push_back({"CPUQuotaPerSecUSec", quota < 0 ? kUnset : (in_second + kStepUs - 1) / kStepUs * kStepUs});
}

// "0-1,3" as systemd takes it: one bit each, the lowest first (org.freedesktop.systemd1(5), AllowedCPUs). One
// that is no list has no bits.
std::vector<uint8_t> bits_of(const std::string& list) {
  std::vector<uint8_t> bits;
  const std::string normal = normal_cpu_list(list).value_or("");
  if (normal.empty()) return bits;
  for (const std::string& range : split(normal, ',')) {
    const size_t dash = range.find('-');
    const uint64_t first = parse_uint(range.substr(0, dash)).value_or(0);
    const uint64_t last = dash == std::string::npos ? first : parse_uint(range.substr(dash + 1)).value_or(0);
    bits.resize(last / 8 + 1);
    for (uint64_t number = first; number <= last; ++number)
      bits[number / 8] |= static_cast<uint8_t>(1U << (number % 8));
  }
  return bits;
}

void add_cpu(const Cpu& cpu, bool on_v2, Properties& out) {
  const uint64_t shares = cpu.shares.value_or(0);
  if (shares != 0 && cpu.idle.value_or(0) == 0)
    out.push_back(on_v2 ? UnitProperty{"CPUWeight", cpu_weight_of_shares(shares)}
                        : UnitProperty{"CPUShares", shares});
  add_quota(cpu.quota_us.value_or(0), cpu.period_us.value_or(0), out);
  if (!on_v2) return;
  if (!cpu.cpus.empty()) out.push_back({"AllowedCPUs", bits_of(cpu.cpus)});
  if (!cpu.mems.empty()) out.push_back({"AllowedMemoryNodes", bits_of(cpu.mems)});
}

void add_rates(const std::vector<BlockIoDevice>& devices, const char* name, Properties& out) {
  if (devices.empty()) return;
  BusNumbers rates;
  for (const BlockIoDevice& device : devices) {
    const uint64_t rate = device.rate.value_or(0);
    rates.emplace_back(node_of(device), rate == 0 ? kUnset : rate);
  }
  out.push_back({name, std::move(rates)});
}

void add_io(const BlockIo& io, bool on_v2, Properties& out) {
  add_rates(io.read_bps, on_v2 ? "IOReadBandwidthMax" : "BlockIOReadBandwidth", out);
  add_rates(io.write_bps, on_v2 ? "IOWriteBandwidthMax" : "BlockIOWriteBandwidth", out);
  if (on_v2) {
    add_rates(io.read_iops, "IOReadIOPSMax", out);
    add_rates(io.write_iops, "IOWriteIOPSMax", out);
  }
}

// systemd gives BFQ its IOWeight on another scale, with 100 as the middle of both (its BFQ_WEIGHT()).
uint64_t io_weight_of_bfq(uint64_t weight) {
  constexpr uint64_t kMiddle = 100;
  return weight <= kMiddle ? weight : kMiddle + (weight - kMiddle) * 11;
}

// As the kernel reads it: "max", bytes, or with a unit.
std::optional<uint64_t> size_of(const std::string& text) {
  if (text == "max") return kUnset;
  const auto size = parse_size(text);
  return size && *size >= 0 ? std::optional<uint64_t>(static_cast<uint64_t>(*size)) : std::nullopt;
}

// cpu.max: "QUOTA PERIOD", "QUOTA", "max".
void add_unified_quota(const std::string& text, Properties& out) {
  const auto words = split(text, ' ');
  const uint64_t period = words.size() > 1 ? parse_uint(words[1]).value_or(0) : 0;
  const int64_t quota = words[0] == "max" ? -1 : parse_int(words[0]).value_or(0);
  if (quota >= -1) add_quota(quota, period, out);
}

// io.max: lines of "8:0 rbps=1 wbps=max".
void add_unified_rates(const std::string& text, Properties& out) {
  struct Key {
    const char* key;
    const char* name;
  };
  for (const Key& key : {Key{"rbps=", "IOReadBandwidthMax"}, Key{"wbps=", "IOWriteBandwidthMax"},
                         Key{"riops=", "IOReadIOPSMax"}, Key{"wiops=", "IOWriteIOPSMax"}}) {
    BusNumbers rates;
    for (const std::string& line : split(text, '\n')) {
      const auto words = split(line, ' ');
      for (const std::string& word : words) {
        if (!word.starts_with(key.key)) continue;
        const std::string rate = word.substr(std::string_view(key.key).size());
        const auto number = parse_uint(rate);
        if (number || rate == "max") rates.emplace_back("/dev/block/" + words[0], number ? *number : kUnset);
      }
    }
    if (!rates.empty()) out.push_back({key.name, std::move(rates)});
  }
}

// io.weight: "default 100" or "100".
void add_unified_weight(std::string_view text, Properties& out) {
  constexpr std::string_view kDefault = "default ";
  if (text.starts_with(kDefault)) text.remove_prefix(kDefault.size());
  if (const auto weight = parse_uint(text)) out.push_back({"IOWeight", *weight});
}

void add_unified(const std::string& file, const std::string& text, Properties& out) {
  struct Size {
    const char* file;
    const char* name;
  };
  for (const Size& entry : {Size{"memory.min", "MemoryMin"}, Size{"memory.low", "MemoryLow"},
                            Size{"memory.high", "MemoryHigh"}, Size{"memory.max", "MemoryMax"},
                            Size{"memory.swap.max", "MemorySwapMax"}, Size{"pids.max", "TasksMax"}}) {
    const auto size = file == entry.file ? size_of(text) : std::nullopt;
    if (size) out.push_back({entry.name, *size});
  }
  if (file == "cpu.max") add_unified_quota(text, out);
  if (file == "io.max") add_unified_rates(text, out);
  if (file == "io.weight") add_unified_weight(text, out);
  if (const uint64_t weight = file == "cpu.weight" ? parse_uint(text).value_or(0) : 0; weight != 0)
    out.push_back({"CPUWeight", weight});
  for (const auto& [key, name] :
       {std::pair("cpuset.cpus", "AllowedCPUs"), std::pair("cpuset.mems", "AllowedMemoryNodes")}) {
    auto bits = file == key ? bits_of(text) : std::vector<uint8_t>();
    if (!bits.empty()) out.push_back({name, std::move(bits)});
  }
}

}  // namespace

bool systemd_is_on_v2(const Layout& layout) {
  return layout.v2_mount_point == "/sys/fs/cgroup";
}

std::string io_directory_of(const Group& group, bool on_v2) {
  return on_v2 ? group.v2_directory : group.v1_directory_of("blkio");
}

std::vector<UnitProperty> limit_properties(const Resources& resources, bool on_v2) {
  Properties properties;
  add_memory(resources.memory, on_v2, properties);
  add_cpu(resources.cpu, on_v2, properties);
  add_io(resources.block_io, on_v2, properties);
  // Without one systemd would put its own default back, 15 % of what the host can hold.
  if (resources.pids_limit)
    properties.push_back(
        {"TasksMax", *resources.pids_limit <= 0 ? kUnset : static_cast<uint64_t>(*resources.pids_limit)});
  if (!on_v2) return properties;
  for (const auto& [file, text] : resources.unified)
    add_unified(file, std::string(trim(text)), properties);
  return properties;
}

std::vector<UnitProperty> weight_properties(const BlockIo& block_io, bool on_v2, bool has_bfq) {
  constexpr uint64_t kMostOnV1 = 1000;
  const auto scaled = [&](uint64_t weight) {
    if (on_v2) return has_bfq ? io_weight_of_bfq(weight) : io_weight_of_blkio(weight);
    return has_bfq ? std::min(io_weight_of_bfq(weight), kMostOnV1) : weight;
  };
  Properties properties;
  if (block_io.weight.value_or(0) != 0)
    properties.push_back({on_v2 ? "IOWeight" : "BlockIOWeight", scaled(*block_io.weight)});
  BusNumbers weights;
  for (const BlockIoDevice& device : block_io.weight_devices) {
    if (device.weight.value_or(0) != 0) weights.emplace_back(node_of(device), scaled(*device.weight));
  }
  if (!weights.empty())
    properties.push_back({on_v2 ? "IODeviceWeight" : "BlockIODeviceWeight", std::move(weights)});
  return properties;
}

std::vector<UnitProperty> late_properties(const Resources& resources) {
  constexpr uint64_t kIdle = 0;
  const Cpu& cpu = resources.cpu;
  Properties properties;
  if (cpu.idle == 1) properties.push_back({"CPUWeight", kIdle});
  if (cpu.idle == 0 && cpu.shares.value_or(0) == 0) properties.push_back({"CPUWeight", kUnset});
  const auto whole = resources.unified.find("memory.oom.group");
  if (whole != resources.unified.end())
    properties.push_back({"OOMPolicy", std::string(trim(whole->second) == "1" ? "kill" : "continue")});
  return properties;
}

std::vector<UnitProperty> device_properties(const std::vector<DeviceRule>& rules) {
  const auto list = device_list(rules);
  if (rules.empty() || !list || list->allow_by_default) return {};
  BusTexts allowed;
  for (const DeviceException& exception : list->exceptions) {
    const DeviceMatch& match = exception.match;
    if (!match.major && match.minor) continue;
    const std::string kind = match.type == BPF_DEVCG_DEV_BLOCK ? "block" : "char";
    std::string what = kind + "-*";
    if (match.major) what = kind + "-" + std::to_string(*match.major);
    if (match.minor)
      what = "/dev/" + kind + "/" + std::to_string(*match.major) + ":" + std::to_string(*match.minor);
    allowed.emplace_back(what, spell_access(exception.access));
  }
  return {{"DevicePolicy", std::string("strict")}, {"DeviceAllow", std::move(allowed)}};
}

}  // namespace cgroups
