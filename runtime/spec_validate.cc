#include "runtime/spec_validate.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/strings.h"
#include "base/units.h"
#include "namespaces/identity_steps.h"
#include "namespaces/rootfs.h"
#include "runtime/spec_members.h"
#include "runtime/spec_write.h"
#include "security/limits.h"

namespace runtime {
namespace {

constexpr uint32_t kNoId = UINT32_MAX;  // (uid_t)-1: setuid(2) would leave the id as it is

bool is_absolute(std::string_view path) {
  return path.starts_with('/');
}

template <size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

std::string at(const std::string& pointer, size_t index) {
  return pointer + "/" + std::to_string(index);
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text) + "\"";
}

Result<void> validate_user(const User& user, const std::string& pointer) {
  if (user.uid == kNoId) return invalid(pointer + "/uid: 4294967295 is no user id");
  if (user.gid == kNoId) return invalid(pointer + "/gid: 4294967295 is no group id");
  if (user.umask && *user.umask > 0777)
    return invalid(pointer + "/umask: more than the nine permission bits");
  for (size_t i = 0; i < user.additional_gids.size(); ++i) {
    if (user.additional_gids[i] != kNoId) continue;
    return invalid(at(pointer + "/additionalGids", i) + ": 4294967295 is no group id");
  }
  return ok();
}

Result<void> validate_rlimits(const std::vector<Rlimit>& limits, const std::string& pointer) {
  std::set<int> seen;
  for (size_t i = 0; i < limits.size(); ++i) {
    const auto& limit = limits[i];
    const int number = TRY_IN(at(pointer, i), security::resource_limit_number(limit.type));
    if (!seen.insert(number).second) {
      return invalid(at(pointer, i) + ": " + printable(limit.type) + " is given twice");
    }
    if (limit.soft > limit.hard) {
      return invalid(at(pointer, i) + ": the soft limit of " + printable(limit.type) +
                     " is above the hard one");
    }
  }
  return ok();
}

Result<void> validate_root(const Root& root) {
  if (root.path.empty()) return invalid("/root/path: missing; it names the container's root directory");
  return ok();
}

// uid_map(5): ids are 32 bits, the last one stands for none.
Result<void> validate_id_maps(const std::vector<namespaces::IdMap>& maps, const std::string& pointer) {
  for (size_t i = 0; i < maps.size(); ++i) {
    const auto& map = maps[i];
    const uint64_t first = std::max(map.container_id, map.host_id);
    if (map.size == 0) return invalid(at(pointer, i) + ": the size is zero");
    if (first + map.size > kNoId) return invalid(at(pointer, i) + ": goes beyond the highest id, 4294967294");
  }
  return ok();
}

Result<void> validate_mount(const namespaces::Mount& mount, const std::string& pointer) {
  if (!is_absolute(mount.destination)) return invalid(pointer + "/destination: not an absolute path");
  TRY_IN(pointer + "/options", namespaces::parse_mount_options(mount.options));
  TRY(validate_id_maps(mount.uid_maps, pointer + "/uidMappings"));
  TRY(validate_id_maps(mount.gid_maps, pointer + "/gidMappings"));
  if (mount.uid_maps.empty() != mount.gid_maps.empty()) {
    return invalid(pointer + ": uidMappings and gidMappings need each other");
  }
  return ok();
}

Result<void> validate_hooks(const Hooks& hooks) {
  for (const auto& [key, list] : kHookLists) {
    const auto& entries = hooks.*list;
    for (size_t i = 0; i < entries.size(); ++i) {
      const std::string pointer = at(std::string("/hooks/") + key, i);
      if (!is_absolute(entries[i].path)) return invalid(pointer + "/path: not an absolute path");
      if (entries[i].timeout_s && *entries[i].timeout_s <= 0) {
        return invalid(pointer + "/timeout: not above zero");
      }
    }
  }
  return ok();
}

// sethostname(2), setdomainname(2): what is shared with the host must not be changed for it.
Result<void> validate_names(const Spec& spec, const namespaces::NamespaceSet& set) {
  constexpr size_t kLongest = 64;
  for (const auto& [pointer, name] :
       {std::pair("/hostname", &spec.hostname), std::pair("/domainname", &spec.domainname)}) {
    if (name->empty()) continue;
    if (name->size() > kLongest) return invalid(std::string(pointer) + ": longer than 64 bytes");
    if (!set.is_separate("uts")) return invalid(std::string(pointer) + ": needs a uts namespace");
  }
  return ok();
}

Result<void> validate_user_namespace(const Linux& os, const namespaces::NamespaceSet& set) {
  TRY(validate_id_maps(os.uid_mappings, "/linux/uidMappings"));
  TRY(validate_id_maps(os.gid_mappings, "/linux/gidMappings"));
  const std::array<std::pair<const char*, bool>, 2> maps = {
      {{"/linux/uidMappings", !os.uid_mappings.empty()}, {"/linux/gidMappings", !os.gid_mappings.empty()}}};
  for (const auto& [pointer, given] : maps) {
    if (given && !set.is_separate("user")) return invalid(std::string(pointer) + ": needs a user namespace");
    if (!given && set.is_new("user")) {
      return invalid(std::string(pointer) + ": missing; a new user namespace has no ids without it");
    }
  }
  return ok();
}

// time_namespaces(7): offsets can be set only until the first process is in.
Result<void> validate_time_offsets(const Linux& os, const namespaces::NamespaceSet& set) {
  if (os.time_offsets.empty()) return ok();
  if (!set.is_new("time")) return invalid("/linux/timeOffsets: need a new time namespace");
  for (const auto& offset : os.time_offsets) {
    const std::string pointer = "/linux/timeOffsets/" + printable(offset.clock);
    if (offset.clock != "boottime" && offset.clock != "monotonic") {
      return invalid(pointer + ": only boottime and monotonic have offsets");
    }
    if (offset.nanoseconds >= kSecondNs) return invalid(pointer + "/nanosecs: a whole second or more");
  }
  return ok();
}

constexpr size_t kLongestName = 15;  // of an interface: IFNAMSIZ - 1

// What the kernel takes as an interface's name (dev_valid_name()).
bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name != "." && name != ".." &&
         name.find_first_of("/: \t\n\v\f\r%") == std::string_view::npos;
}

// "eth%d": the first such name that is free in the container.
bool is_name_template(std::string_view name) {
  return name.ends_with("%d") && name.size() <= kLongestName &&
         is_interface_name(name.substr(0, name.size() - 2));
}

Result<void> validate_net_devices(const Linux& os, const namespaces::NamespaceSet& set) {
  if (os.net_devices.empty()) return ok();
  if (!set.is_separate("network")) return invalid("/linux/netDevices: need a network namespace");
  std::set<std::string> seen;
  for (const auto& device : os.net_devices) {
    const std::string pointer = "/linux/netDevices/" + printable(device.host_name);
    const bool is_template = is_name_template(device.container_name);
    for (const auto* name : {&device.host_name, &device.container_name}) {
      if (is_interface_name(*name) || (is_template && name == &device.container_name)) continue;
      return invalid(pointer + ": " + in_quotes(*name) + " is no interface name");
    }
    if (is_template) continue;
    if (!seen.insert(device.container_name).second) {
      return invalid(pointer + ": two interfaces would be called " + in_quotes(device.container_name));
    }
  }
  return ok();
}

// mknod(2): the kernel's device numbers have 12 and 20 bits.
Result<void> validate_device_nodes(const std::vector<Device>& devices) {
  constexpr int64_t kHighestMajor = (1 << 12) - 1;
  constexpr int64_t kHighestMinor = (1 << 20) - 1;
  for (size_t i = 0; i < devices.size(); ++i) {
    const std::string pointer = at("/linux/devices", i);
    const auto& device = devices[i];
    if (!is_absolute(device.path)) return invalid(pointer + "/path: not an absolute path");
    if (device.major < 0 || device.major > kHighestMajor) return invalid(pointer + "/major: not 0 to 4095");
    if (device.minor < 0 || device.minor > kHighestMinor)
      return invalid(pointer + "/minor: not 0 to 1048575");
  }
  return ok();
}

Result<void> validate_kernel_paths(const Linux& os, const namespaces::NamespaceSet& set) {
  const std::array<std::pair<const char*, const std::vector<std::string>*>, 2> lists = {
      {{"/linux/maskedPaths", &os.masked_paths}, {"/linux/readonlyPaths", &os.readonly_paths}}};
  for (const auto& [pointer, paths] : lists) {
    if (paths->empty()) continue;
    if (!set.is_separate("mount")) return invalid(std::string(pointer) + ": need a mount namespace");
    for (size_t i = 0; i < paths->size(); ++i) {
      if (!is_absolute((*paths)[i])) return invalid(at(pointer, i) + ": not an absolute path");
    }
  }
  for (size_t i = 0; i < os.masked_paths.size(); ++i) {
    if (namespaces::clean_path(os.masked_paths[i]) == "/")
      return invalid(at("/linux/maskedPaths", i) + ": the container's root can't be masked");
  }
  return ok();
}

// set_mempolicy(2).
Result<void> validate_memory_policy(const Linux& os) {
  static constexpr std::array<std::string_view, 7> kModes = {
      "MPOL_DEFAULT",   "MPOL_BIND",           "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
      "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL"};
  static constexpr std::array<std::string_view, 3> kFlags = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
                                                             "MPOL_F_STATIC_NODES"};
  const std::string& mode = os.memory_policy_mode;
  if (mode.empty()) {
    if (os.memory_policy_nodes.empty() && os.memory_policy_flags.empty()) return ok();
    return invalid("/linux/memoryPolicy/mode: missing");
  }
  if (!is_one_of(mode, kModes)) return invalid("/linux/memoryPolicy/mode: unknown mode " + in_quotes(mode));
  for (const auto& flag : os.memory_policy_flags) {
    if (!is_one_of(flag, kFlags))
      return invalid("/linux/memoryPolicy/flags: unknown flag " + in_quotes(flag));
  }
  return ok();
}

Result<void> validate_words(const Linux& os) {
  static constexpr std::array<std::string_view, 9> kPropagations = {
      "", "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"};
  static constexpr std::array<std::string_view, 3> kDomains = {"", "LINUX", "LINUX32"};
  if (!is_one_of(os.rootfs_propagation, kPropagations)) {
    return invalid("/linux/rootfsPropagation: " + in_quotes(os.rootfs_propagation) +
                   " is none of shared, slave, private and unbindable");
  }
  if (!is_one_of(os.personality_domain, kDomains)) {
    return invalid("/linux/personality/domain: " + in_quotes(os.personality_domain) +
                   " is neither LINUX nor LINUX32");
  }
  if (os.seccomp && os.seccomp->listener_path.empty() && !os.seccomp->listener_metadata.empty()) {
    return invalid("/linux/seccomp/listenerMetadata: has no listenerPath to be sent to");
  }
  for (const auto& [file, content] : os.resources.unified) {
    if (file.empty() || contains(file, "/") || file == "..") {
      return invalid("/linux/resources/unified: " + in_quotes(file) + " is not the name of a cgroup's file");
    }
  }
  return ok();
}

Result<void> validate_linux(const Linux& os, const namespaces::NamespaceSet& set) {
  TRY(validate_user_namespace(os, set));
  TRY(validate_time_offsets(os, set));
  TRY(validate_net_devices(os, set));
  TRY(validate_device_nodes(os.devices));
  TRY(validate_kernel_paths(os, set));
  TRY(validate_memory_policy(os));
  TRY(validate_words(os));
  TRY_IN("/linux/sysctl", namespaces::sysctl_step(os.sysctl, set));
  return ok();
}

}  // namespace

Result<void> validate_process(const Process& process, const std::string& pointer) {
  constexpr int kMostOom = 1000;
  constexpr uint32_t kLargestConsole = 65535;  // struct winsize has 16 bits
  if (process.args.empty()) return invalid(pointer + "/args: missing; it names the program to run");
  if (!is_absolute(process.cwd)) return invalid(pointer + "/cwd: not an absolute path");
  const bool is_too_large =
      process.console_height > kLargestConsole || process.console_width > kLargestConsole;
  if (process.terminal && is_too_large) {
    return invalid(pointer + "/consoleSize: more than 65535 rows or columns");
  }
  if (process.oom_score_adj && (*process.oom_score_adj < -kMostOom || *process.oom_score_adj > kMostOom)) {
    return invalid(pointer + "/oomScoreAdj: not between -1000 and 1000");
  }
  for (const auto* list : {&process.cpu_affinity_initial, &process.cpu_affinity_final}) {
    if (!list->empty()) TRY_IN(pointer + "/execCPUAffinity", security::cpu_affinity_step(Lane::kHost, *list));
  }
  TRY(validate_user(process.user, pointer + "/user"));
  TRY(validate_rlimits(process.rlimits, pointer + "/rlimits"));
  return ok();
}

Result<void> validate_spec(const Spec& spec) {
  if (has_process(spec)) TRY(validate_process(spec.process, "/process"));
  TRY(validate_root(spec.root));
  for (size_t i = 0; i < spec.mounts.size(); ++i)
    TRY(validate_mount(spec.mounts[i], at("/mounts", i)));
  TRY(validate_hooks(spec.hooks));
  if (spec.annotations.count("") != 0) return invalid("/annotations: a name in it is empty");
  const auto set = TRY_IN("/linux/namespaces", namespaces::NamespaceSet::from(spec.os.namespaces));
  TRY(validate_names(spec, set));
  TRY(validate_linux(spec.os, set));
  return ok();
}

}  // namespace runtime
