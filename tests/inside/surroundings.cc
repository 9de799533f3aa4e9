// What the process sees around it: mounts, devices, masked files, cgroups, network, clocks, keys.
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/inside/probe.h"

namespace probe {
namespace {

// mountinfo escapes blanks and backslashes as three octal digits.
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool octal = text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3';
    if (!octal) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

// proc_pid_mountinfo(5): id parent major:minor root point options [tags...] - type source super-options
Json parse_mount(const std::string& line) {
  const auto fields = split(line, ' ');
  if (fields.size() < 10) return nullptr;
  size_t dash = 6;
  std::vector<std::string> tags;
  while (dash < fields.size() && fields[dash] != "-")
    tags.push_back(fields[dash++]);
  if (dash + 3 >= fields.size()) return nullptr;
  return {{"id", fields[0]},
          {"parent", fields[1]},
          {"device", fields[2]},
          {"root", unescape(fields[3])},
          {"point", unescape(fields[4])},
          {"options", split(fields[5], ',')},
          {"propagation", tags},
          {"type", fields[dash + 1]},
          {"source", unescape(fields[dash + 2])},
          {"super_options", split(fields[dash + 3], ',')}};
}

void report_mounts(Json& out) {
  out["mounts"] = Json::array();
  for (const std::string& line : split(read_file("/proc/self/mountinfo").value_or(""), '\n')) {
    Json mount = parse_mount(line);
    if (!mount.is_null()) out["mounts"].push_back(std::move(mount));
  }
}

std::string type_of(mode_t mode) {
  if (S_ISCHR(mode)) return "char";
  if (S_ISBLK(mode)) return "block";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "link";
  if (S_ISFIFO(mode)) return "fifo";
  if (S_ISSOCK(mode)) return "socket";
  return "file";
}

void report_devices(Json& out) {
  out["devices"] = Json::object();
  for (const std::string& name : list_directory("/dev").value_or({})) {
    const std::string path = "/dev/" + name;
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0) continue;
    Json device = {{"type", type_of(info.st_mode)},
                   {"mode", info.st_mode & 07777U},
                   {"uid", info.st_uid},
                   {"gid", info.st_gid}};
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
      device["major"] = major(info.st_rdev);
      device["minor"] = minor(info.st_rdev);
    }
    if (S_ISLNK(info.st_mode)) device["target"] = sys::readlinkat(AT_FDCWD, path.c_str()).value_or("");
    out["devices"][name] = device;
  }
}

// "absent", errno's name, "empty", or "readable" for a file or directory with something in it.
std::string readability(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return errno == ENOENT ? "absent" : outcome(-1);
  if (S_ISDIR(info.st_mode)) {
    const auto names = list_directory(path);
    if (!names) return errno_text(names.error().error_number());
    return names->empty() ? "empty" : "readable";
  }
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return outcome(-1);
  char byte = 0;
  const ssize_t count = ::read(fd.get(), &byte, 1);
  if (count < 0) return errno == EAGAIN ? "readable" : outcome(-1);
  return count == 0 ? "empty" : "readable";
}

void report_access(Json& out) {
  out["masked"] = Json::object();
  for (const char* path : {"/proc/acpi",
                           "/proc/asound",
                           "/proc/interrupts",
                           "/proc/latency_stats",
                           "/proc/sched_debug",
                           "/proc/scsi",
                           "/proc/timer_list",
                           "/proc/timer_stats",
                           "/sys/devices/virtual/powercap",
                           "/sys/devices/system/cpu/cpu0/thermal_throttle",
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
                           "/proc/driver",
                           "/proc/mtrr",
                           "/sys/class/dmi",
                           "/sys/dev/block",
                           "/sys/devices/virtual/dmi",
                           "/sys/firmware",
                           "/sys/fs/bpf",
                           "/sys/fs/selinux"})
    out["masked"][path] = readability(path);
  out["writable"] = Json::object();
  // access(2) asks for the mount's read-only flag too and changes nothing.
  for (const char* path :
       {"/", "/etc", "/tmp", "/dev", "/dev/shm", "/proc/sys", "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs",
        "/proc/self/oom_score_adj", "/sys", "/sys/kernel/uevent_helper", "/sys/fs/cgroup"})
    out["writable"][path] = outcome(::access(path, W_OK));
}

void report_cgroups(Json& out) {
  out["cgroup"] = {{"self", split(trim(read_file("/proc/self/cgroup").value_or("")), '\n')},
                   {"files", Json::object()}};
  static constexpr auto kFiles = std::to_array<const char*>({"memory.max",
                                                             "memory.swap.max",
                                                             "memory.limit_in_bytes",
                                                             "memory.memsw.limit_in_bytes",
                                                             "pids.max",
                                                             "cpu.max",
                                                             "cpu.weight",
                                                             "cpu.cfs_quota_us",
                                                             "cpu.cfs_period_us",
                                                             "cpu.shares",
                                                             "cpuset.cpus",
                                                             "io.max",
                                                             "io.weight",
                                                             "io.bfq.weight",
                                                             "blkio.weight",
                                                             "blkio.bfq.weight",
                                                             "blkio.throttle.read_bps_device",
                                                             "blkio.throttle.write_bps_device",
                                                             "blkio.throttle.read_iops_device",
                                                             "blkio.throttle.write_iops_device",
                                                             "cgroup.controllers",
                                                             "cgroup.procs"});
  std::vector<std::string> directories = {"/sys/fs/cgroup"};
  for (const std::string& name : list_directory("/sys/fs/cgroup").value_or({})) {
    struct stat info = {};
    const std::string path = "/sys/fs/cgroup/" + name;
    if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) directories.push_back(path);
  }
  for (const std::string& directory : directories)
    for (const char* file : kFiles) {
      const auto text = read_file(directory + "/" + file, 65536);
      if (text) out["cgroup"]["files"][directory + "/" + file] = trim(*text);
    }
}

void report_interfaces(Json& out) {
  out["interfaces"] = Json::object();
  struct if_nameindex* list = ::if_nameindex();
  if (list == nullptr) return;
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (struct if_nameindex* entry = list; entry->if_index != 0; ++entry) {
    struct ifreq request = {};
    std::strncpy(request.ifr_name, entry->if_name, IFNAMSIZ - 1);
    const bool known = ::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0;
    out["interfaces"][entry->if_name] = {{"up", known && (request.ifr_flags & IFF_UP) != 0},
                                         {"index", entry->if_index}};
  }
  ::if_freenameindex(list);
}

}  // namespace

void report_files(Json& out) {
  report_mounts(out);
  report_devices(out);
  report_access(out);
}

void report_surroundings(Json& out) {
  report_cgroups(out);
  report_interfaces(out);
  out["time_offsets"] = trim(read_file("/proc/self/timens_offsets").value_or(""));
  const long session = ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  out["session_keyring"] = session < 0 ? Json(outcome(session)) : Json(session);
  Json pids = Json::array();
  for (const std::string& name : list_directory("/proc").value_or({}))
    if (const auto pid = parse_uint(name)) pids.push_back(*pid);
  out["visible_pids"] = pids;
}

}  // namespace probe
