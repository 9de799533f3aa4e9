#include "cgroups/limits.h"

#include <array>
#include <bitset>

#include "base/strings.h"

namespace cgroups {
namespace {

enum Home { kOnV2, kOnV1, kNowhere, kHomes };

// v2 first: a controller that is bound to v1 is not in v2's list.
Home home_of(const Layout& layout, const char* v2_name, const char* v1_name) {
  if (layout.v2_has(v2_name)) return kOnV2;
  return layout.v1_of(v1_name) != nullptr ? kOnV1 : kNowhere;
}

// The same limits, each in the part where its controller lives.
std::array<Resources, kHomes> partition(const Layout& layout, const Resources& all) {
  std::array<Resources, kHomes> parts;
  const auto part = [&](const char* v2_name, const char* v1_name) -> Resources& {
    return parts.at(home_of(layout, v2_name, v1_name));
  };
  part("memory", "memory").memory = all.memory;
  Cpu time = all.cpu;
  time.cpus.clear();
  time.mems.clear();
  part("cpu", "cpu").cpu = time;
  Resources& sets = part("cpuset", "cpuset");
  sets.cpu.cpus = all.cpu.cpus;
  sets.cpu.mems = all.cpu.mems;
  part("io", "blkio").block_io = all.block_io;
  part("pids", "pids").pids_limit = all.pids_limit;
  part("hugetlb", "hugetlb").hugepages = all.hugepages;
  part("rdma", "rdma").rdma = all.rdma;
  part("", "net_cls").network_class_id = all.network_class_id;
  part("", "net_prio").network_priorities = all.network_priorities;
  parts[kOnV2].unified = all.unified;
  return parts;
}

std::string where_was_looked(const Layout& layout) {
  std::string text = "looked in ";
  if (layout.v2_mount_point.empty()) {
    text += "v1 only, v2 is not mounted";
  } else {
    const std::string names = join(layout.v2_controllers, " ");
    text += layout.v2_mount_point + " (v2: " + (names.empty() ? "no controllers" : names) + ")";
  }
  for (const V1Hierarchy& hierarchy : layout.v1)
    text += ", " + hierarchy.mount_point;
  return text;
}

// Names the first limit that no controller of this host can take.
Result<void> refuse_homeless(const Layout& layout, const Resources& homeless) {
  const std::vector<LimitWrite> writes = TRY(v1_limits(homeless));
  if (writes.empty()) return ok();
  const std::string& controller = writes.front().controller;
  return unsupported("no cgroup hierarchy of this host has the " + controller +
                     " controller, which the limit " + writes.front().file +
                     " needs: " + where_was_looked(layout));
}

Result<void> check_unified_homes(const Layout& layout, const Resources& resources) {
  for (const auto& entry : resources.unified) {
    const std::string& key = entry.first;
    const std::string controller = key.substr(0, key.find('.'));
    if (layout.v2_mount_point.empty()) {
      return unsupported("unified " + printable(key) + ": cgroup v2 is not mounted");
    }
    if (controller == "cgroup" || layout.v2_has(controller)) continue;
    const V1Hierarchy* hierarchy = layout.v1_of(controller);
    return unsupported("unified " + printable(key) + ": the " + printable(controller) +
                       " controller is not on cgroup v2 here" +
                       (hierarchy != nullptr ? ", but on v1 at " + hierarchy->mount_point : ""));
  }
  return ok();
}

constexpr size_t kMaxCpus = 8192;

Result<size_t> parse_cpu(std::string_view text, std::string_view list) {
  const auto number = parse_uint(text);
  if (!number) return invalid("cpu or node list '" + printable(list) + "' is not like 0-2,4");
  if (*number >= kMaxCpus) return invalid("cpu or node " + std::string(text) + " is over 8191");
  return static_cast<size_t>(*number);
}

}  // namespace

Result<std::string> normal_cpu_list(std::string_view list) {
  if (list.empty()) return std::string();
  std::bitset<kMaxCpus> cpus;
  for (const std::string& range : split(list, ',')) {
    const size_t dash = range.find('-');
    const size_t first = TRY(parse_cpu(std::string_view(range).substr(0, dash), list));
    size_t last = first;
    if (dash != std::string::npos) last = TRY(parse_cpu(std::string_view(range).substr(dash + 1), list));
    if (last < first)
      return invalid("cpu or node list '" + printable(list) + "' has a range that runs backwards");
    for (size_t cpu = first; cpu <= last; ++cpu)
      cpus.set(cpu);
  }
  std::string text;
  for (size_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (!cpus.test(cpu)) continue;
    size_t last = cpu;
    while (last + 1 < kMaxCpus && cpus.test(last + 1))
      ++last;
    text += (text.empty() ? "" : ",") + std::to_string(cpu);
    if (last > cpu) text += "-" + std::to_string(last);
    cpu = last;
  }
  return text;
}

Result<std::vector<LimitWrite>> shared_limits(const Resources& resources) {
  std::vector<LimitWrite> writes;
  const Cpu& cpu = resources.cpu;
  if (!cpu.cpus.empty()) writes.push_back({"cpuset", "cpuset.cpus", TRY(normal_cpu_list(cpu.cpus))});
  if (!cpu.mems.empty()) writes.push_back({"cpuset", "cpuset.mems", TRY(normal_cpu_list(cpu.mems))});
  if (resources.pids_limit) {
    const int64_t limit = *resources.pids_limit;
    writes.push_back({"pids", "pids.max", limit <= 0 ? "max" : std::to_string(limit)});
  }
  for (const RdmaLimit& limit : resources.rdma) {
    std::string text = limit.device;
    if (limit.hca_handles) text += " hca_handle=" + std::to_string(*limit.hca_handles);
    if (limit.hca_objects) text += " hca_object=" + std::to_string(*limit.hca_objects);
    if (text != limit.device) writes.push_back({"rdma", "rdma.max", text});
  }
  return writes;
}

Result<std::vector<LimitWrite>> limit_writes(const Layout& layout, const Group& group,
                                             const Resources& resources) {
  const auto parts = partition(layout, resources);
  TRY(refuse_homeless(layout, parts[kNowhere]));
  std::vector<LimitWrite> writes = TRY(v2_limits(parts[kOnV2]));
  TRY(check_unified_homes(layout, resources));
  for (LimitWrite& write : writes)
    write.directory = group.v2_directory;
  std::vector<LimitWrite> on_v1 = TRY(v1_limits(parts[kOnV1]));
  for (LimitWrite& write : on_v1) {
    write.directory = group.v1_directory_of(write.controller);
    writes.push_back(std::move(write));
  }
  return writes;
}

}  // namespace cgroups
