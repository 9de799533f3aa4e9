#include "security/masked_paths.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"

namespace security {
namespace {

bool has_pattern(const std::string& text) {
  return text.find('*') != std::string::npos;
}

}  // namespace

const std::vector<std::string>& default_masked_paths() {
  static const std::vector<std::string> paths = {
      // what the hardware does: timing of other containers' keystrokes, power, temperature
      "/proc/acpi",
      "/proc/asound",
      "/proc/interrupts",
      "/proc/latency_stats",
      "/proc/sched_debug",
      "/proc/scsi",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/sys/devices/system/cpu/cpu*/thermal_throttle",
      "/sys/devices/virtual/powercap",
      // the kernel's memory, addresses, keys, messages, configuration
      "/proc/config.gz",
      "/proc/kallsyms",
      "/proc/kcore",
      "/proc/keys",
      "/proc/kmsg",
      "/proc/kpagecgroup",
      "/proc/kpagecount",
      "/proc/kpageflags",
      "/proc/slabinfo",
      "/proc/vmallocinfo",
      "/sys/fs/pstore",
      "/sys/kernel/debug",
      "/sys/kernel/security",
      "/sys/kernel/tracing",
      "/sys/kernel/vmcoreinfo",
      // which machine this is
      "/proc/driver",
      "/proc/mtrr",
      "/sys/class/dmi",
      "/sys/dev/block",
      "/sys/devices/virtual/dmi",
      "/sys/firmware",
      "/sys/fs/bpf",
      "/sys/fs/selinux",
  };
  return paths;
}

const std::vector<std::string>& default_readonly_paths() {
  static const std::vector<std::string> paths = {
      "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
  };
  return paths;
}

std::vector<std::string> expand_masked_path(const std::string& pattern) {
  if (!has_pattern(pattern)) return {pattern};
  std::vector<std::string> found = {""};
  const auto parts = split(pattern, '/');
  for (size_t i = 1; i < parts.size(); ++i) {
    std::vector<std::string> next;
    for (const std::string& directory : found) {
      if (!has_pattern(parts[i])) {
        next.push_back(directory + "/" + parts[i]);
        continue;
      }
      const auto names = list_directory(directory + "/");
      if (!names) continue;
      for (const std::string& name : *names)
        if (::fnmatch(parts[i].c_str(), name.c_str(), FNM_PERIOD) == 0)
          next.push_back(join({directory, name}, "/"));
    }
    found = std::move(next);
  }
  std::erase_if(found, [](const std::string& path) { return !path_exists(path); });
  return found;
}

std::vector<std::string> masked_paths_of_this_host() {
  std::vector<std::string> paths;
  for (const std::string& pattern : default_masked_paths()) {
    const auto expanded = expand_masked_path(pattern);
    paths.insert(paths.end(), expanded.begin(), expanded.end());
  }
  return paths;
}

}  // namespace security
