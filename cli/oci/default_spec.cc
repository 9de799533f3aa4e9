#include "cli/oci/default_spec.h"

#include <linux/capability.h>

namespace cli::oci {

namespace {

using MountWords = std::vector<std::string>;
using security::bit;

runtime::Process shell_process() {
  constexpr uint64_t kFiles = 1024;
  runtime::Process process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  const auto mask = bit(CAP_AUDIT_WRITE) | bit(CAP_KILL) | bit(CAP_NET_BIND_SERVICE);
  process.capabilities = security::CapabilitySets{mask, mask, 0, mask, 0};
  process.rlimits.push_back({"RLIMIT_NOFILE", kFiles, kFiles});
  process.no_new_privileges = true;
  return process;
}

std::vector<namespaces::Mount> usual_mounts(bool rootless) {
  const auto mount = [](const char* destination, const char* type, const char* source, MountWords options) {
    return namespaces::Mount{destination, type, source, std::move(options), {}, {}};
  };
  MountWords pts = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!rootless) pts.emplace_back("gid=5");  // a group that a single mapping does not have
  std::vector<namespaces::Mount> mounts = {
      mount("/proc", "proc", "proc", {}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts", std::move(pts)),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
  };
  // sysfs belongs to the network namespace, which a rootless container shares with the host.
  mounts.push_back(rootless ? mount("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"})
                            : mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  if (!rootless) {
    mounts.push_back(
        mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}));
  }
  return mounts;
}

}  // namespace

runtime::Spec default_spec(const DefaultSpecFacts& facts) {
  runtime::Spec spec;
  spec.process = shell_process();
  spec.root = {"rootfs", true};
  spec.hostname = "vial";
  spec.mounts = usual_mounts(facts.rootless);
  runtime::Linux& os = spec.os;
  os.namespaces = {{"pid", ""}, {"ipc", ""}, {"uts", ""}, {"mount", ""}};
  if (!facts.rootless) os.namespaces.push_back({"network", ""});
  if (facts.pure_v2) os.namespaces.push_back({"cgroup", ""});
  if (facts.rootless) {
    os.namespaces.push_back({"user", ""});
    os.uid_mappings = {{0, facts.uid, 1}};
    os.gid_mappings = {{0, facts.gid, 1}};
  } else {
    os.resources.devices.push_back({.allow = false, .type = 'a', .access = "rwm"});
  }
  os.masked_paths = {"/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
                     "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                     "/sys/firmware",       "/proc/scsi"};
  os.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

}  // namespace cli::oci
