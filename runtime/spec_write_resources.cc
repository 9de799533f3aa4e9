#include "runtime/spec_members.h"
#include "runtime/spec_write.h"

namespace runtime {
namespace {

Json write_memory(const cgroups::Memory& memory) {
  Json object = Json::object();
  put(object, "limit", memory.limit_bytes);
  put(object, "reservation", memory.reservation_bytes);
  put(object, "swap", memory.swap_bytes);
  put(object, "swappiness", memory.swappiness);
  put(object, "disableOOMKiller", memory.disable_oom_killer);
  put(object, "checkBeforeUpdate", memory.check_before_update);
  return object;
}

Json write_cpu(const cgroups::Cpu& cpu) {
  Json object = Json::object();
  put(object, "shares", cpu.shares);
  put(object, "quota", cpu.quota_us);
  put(object, "period", cpu.period_us);
  put(object, "burst", cpu.burst_us);
  put(object, "realtimeRuntime", cpu.realtime_runtime_us);
  put(object, "realtimePeriod", cpu.realtime_period_us);
  put(object, "idle", cpu.idle);
  put(object, "cpus", cpu.cpus);
  put(object, "mems", cpu.mems);
  return object;
}

Json write_weight_device(const cgroups::BlockIoDevice& device) {
  Json object = {{"major", device.major}, {"minor", device.minor}};
  put(object, "weight", device.weight);
  put(object, "leafWeight", device.leaf_weight);
  return object;
}

Json write_throttle_device(const cgroups::BlockIoDevice& device) {
  return {{"major", device.major}, {"minor", device.minor}, {"rate", device.rate.value_or(0)}};
}

Json write_block_io(const cgroups::BlockIo& block_io) {
  Json object = Json::object();
  put(object, "weight", block_io.weight);
  put(object, "leafWeight", block_io.leaf_weight);
  put(object, "weightDevice", write_list(block_io.weight_devices, write_weight_device));
  for (const auto& [key, list] : kThrottleLists)
    put(object, key, write_list(block_io.*list, write_throttle_device));
  return object;
}

Json write_hugepage_limit(const cgroups::HugepageLimit& limit) {
  return {{"pageSize", limit.page_size}, {"limit", limit.limit_bytes}};
}

Json write_rdma(const std::vector<cgroups::RdmaLimit>& limits) {
  Json object = Json::object();
  for (const auto& limit : limits) {
    Json entry = Json::object();
    put(entry, "hcaHandles", limit.hca_handles);
    put(entry, "hcaObjects", limit.hca_objects);
    object[limit.device] = std::move(entry);
  }
  return object;
}

Json write_network_priority(const cgroups::NetworkPriority& priority) {
  return {{"name", priority.name}, {"priority", priority.priority}};
}

Json write_network(const cgroups::Resources& resources) {
  Json object = Json::object();
  put(object, "classID", resources.network_class_id);
  put(object, "priorities", write_list(resources.network_priorities, write_network_priority));
  return object;
}

Json write_device_rule(const cgroups::DeviceRule& rule) {
  Json object = {{"allow", rule.allow}, {"type", std::string(1, rule.type)}};
  put(object, "major", rule.major);
  put(object, "minor", rule.minor);
  put(object, "access", rule.access);
  return object;
}

}  // namespace

Json write_resources(const cgroups::Resources& resources) {
  Json object = Json::object();
  put(object, "memory", write_memory(resources.memory));
  put(object, "cpu", write_cpu(resources.cpu));
  put(object, "blockIO", write_block_io(resources.block_io));
  if (resources.pids_limit) object["pids"] = {{"limit", *resources.pids_limit}};
  put(object, "hugepageLimits", write_list(resources.hugepages, write_hugepage_limit));
  put(object, "rdma", write_rdma(resources.rdma));
  put(object, "network", write_network(resources));
  put(object, "devices", write_list(resources.devices, write_device_rule));
  put(object, "unified", resources.unified);
  return object;
}

}  // namespace runtime
