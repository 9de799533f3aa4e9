#include <string_view>

#include "base/strings.h"
#include "runtime/spec_members.h"
#include "runtime/spec_read.h"

namespace runtime {
namespace {

Result<std::optional<bool>> optional_boolean(const JsonView& view, const char* key) {
  const auto member = view.find(key);
  if (!member) return std::optional<bool>();
  return std::optional<bool>(TRY(member->boolean()));
}

// -1 is how Docker and Podman write "any"; the specification leaves the member out.
Result<std::optional<int64_t>> read_device_number(const JsonView& view, const char* key) {
  const auto member = view.find(key);
  if (!member) return std::optional<int64_t>();
  const int64_t number = TRY(member->integer());
  if (number < -1) return member->wrong("negative; -1 means any");
  return number == -1 ? std::optional<int64_t>() : std::optional(number);
}

// Absent or empty: all types.
Result<char> read_rule_type(const JsonView& view) {
  const auto member = view.find("type");
  if (!member) return 'a';
  const std::string type = TRY(member->string());
  if (type.empty()) return 'a';
  if (type.size() > 1 || !contains("abcu", type)) {
    return member->wrong("\"" + printable(type) + "\" is none of a, b, c and u");
  }
  return type.front();
}

Result<cgroups::DeviceRule> read_device_rule(const JsonView& view) {
  cgroups::DeviceRule rule;
  const auto allow = TRY(view.at("allow"));
  rule.allow = TRY(allow.boolean());
  rule.type = TRY(read_rule_type(view));
  rule.major = TRY(read_device_number(view, "major"));
  rule.minor = TRY(read_device_number(view, "minor"));
  rule.access = TRY(view.string_or("access", ""));
  return rule;
}

// kernel, kernelTCP and useHierarchy are gone from the kernel, or have no effect there: ignored as by others.
Result<cgroups::Memory> read_memory(const JsonView& view) {
  cgroups::Memory memory;
  const auto member = TRY(object_member(view, "memory"));
  if (!member) return memory;
  memory.limit_bytes = TRY(member->optional_integer("limit"));
  memory.reservation_bytes = TRY(member->optional_integer("reservation"));
  memory.swap_bytes = TRY(member->optional_integer("swap"));
  memory.swappiness = TRY(member->optional_unsigned("swappiness"));
  memory.disable_oom_killer = TRY(optional_boolean(*member, "disableOOMKiller"));
  memory.check_before_update = TRY(member->boolean_or("checkBeforeUpdate", false));
  return memory;
}

Result<cgroups::Cpu> read_cpu(const JsonView& view) {
  cgroups::Cpu cpu;
  const auto member = TRY(object_member(view, "cpu"));
  if (!member) return cpu;
  cpu.shares = TRY(member->optional_unsigned("shares"));
  cpu.quota_us = TRY(member->optional_integer("quota"));
  cpu.period_us = TRY(member->optional_unsigned("period"));
  cpu.burst_us = TRY(member->optional_unsigned("burst"));
  cpu.realtime_runtime_us = TRY(member->optional_integer("realtimeRuntime"));
  cpu.realtime_period_us = TRY(member->optional_unsigned("realtimePeriod"));
  cpu.idle = TRY(member->optional_integer("idle"));
  cpu.cpus = TRY(member->string_or("cpus", ""));
  cpu.mems = TRY(member->string_or("mems", ""));
  return cpu;
}

Result<cgroups::BlockIoDevice> read_weight_device(const JsonView& view) {
  cgroups::BlockIoDevice device;
  device.major = TRY(required_integer(view, "major"));
  device.minor = TRY(required_integer(view, "minor"));
  device.weight = TRY(view.optional_unsigned("weight"));
  device.leaf_weight = TRY(view.optional_unsigned("leafWeight"));
  return device;
}

Result<cgroups::BlockIoDevice> read_throttle_device(const JsonView& view) {
  cgroups::BlockIoDevice device;
  device.major = TRY(required_integer(view, "major"));
  device.minor = TRY(required_integer(view, "minor"));
  device.rate = TRY(required_unsigned(view, "rate"));
  return device;
}

Result<cgroups::BlockIo> read_block_io(const JsonView& view) {
  cgroups::BlockIo block_io;
  const auto member = TRY(object_member(view, "blockIO"));
  if (!member) return block_io;
  block_io.weight = TRY(member->optional_unsigned("weight"));
  block_io.leaf_weight = TRY(member->optional_unsigned("leafWeight"));
  block_io.weight_devices = TRY(read_list(*member, "weightDevice", read_weight_device));
  for (const auto& [key, list] : kThrottleLists)
    block_io.*list = TRY(read_list(*member, key, read_throttle_device));
  return block_io;
}

Result<cgroups::HugepageLimit> read_hugepage_limit(const JsonView& view) {
  cgroups::HugepageLimit limit;
  limit.page_size = TRY(required_string(view, "pageSize"));
  limit.limit_bytes = TRY(required_unsigned(view, "limit"));
  return limit;
}

Result<cgroups::NetworkPriority> read_network_priority(const JsonView& view) {
  cgroups::NetworkPriority priority;
  priority.name = TRY(required_string(view, "name"));
  priority.priority = TRY(required_uint32(view, "priority"));
  return priority;
}

Result<std::vector<cgroups::RdmaLimit>> read_rdma(const JsonView& view) {
  std::vector<cgroups::RdmaLimit> limits;
  const auto entries = TRY(map_member(view, "rdma"));
  for (const auto& [device, member] : entries) {
    if (!member.is_object()) return member.wrong("not an object");
    cgroups::RdmaLimit limit;
    limit.device = device;
    limit.hca_handles = TRY(member.optional_unsigned("hcaHandles"));
    limit.hca_objects = TRY(member.optional_unsigned("hcaObjects"));
    limits.push_back(std::move(limit));
  }
  return limits;
}

}  // namespace

Result<cgroups::Resources> read_resources(const JsonView& view) {
  if (!view.is_object()) return view.wrong("not an object");
  cgroups::Resources resources;
  resources.memory = TRY(read_memory(view));
  resources.cpu = TRY(read_cpu(view));
  resources.block_io = TRY(read_block_io(view));
  const auto pids = TRY(object_member(view, "pids"));
  if (pids) resources.pids_limit = TRY(pids->optional_integer("limit"));
  resources.hugepages = TRY(read_list(view, "hugepageLimits", read_hugepage_limit));
  resources.rdma = TRY(read_rdma(view));
  const auto network = TRY(object_member(view, "network"));
  if (network) {
    resources.network_class_id = TRY(optional_uint32(*network, "classID"));
    resources.network_priorities = TRY(read_list(*network, "priorities", read_network_priority));
  }
  resources.devices = TRY(read_list(view, "devices", read_device_rule));
  resources.unified = TRY(string_map(view, "unified"));
  return resources;
}

}  // namespace runtime
