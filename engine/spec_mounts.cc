#include "engine/spec_mounts.h"

#include <algorithm>

namespace engine {

namespace {

using namespaces::Mount;
using Options = std::vector<std::string>;

Mount mount_of(const std::string& destination, const std::string& type, const std::string& source,
               const Options& options) {
  Mount result;
  result.destination = destination;
  result.type = type;
  result.source = source;
  result.options = options;
  return result;
}

// /proc, /dev, /sys and what is below them.
std::vector<Mount> system_mounts(const RunRequest& request) {
  std::vector<Mount> mounts;
  mounts.push_back(mount_of("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(
      mount_of("/dev", "tmpfs", "tmpfs", {"nosuid", "noexec", "strictatime", "mode=755", "size=65536k"}));
  mounts.push_back(mount_of("/dev/pts", "devpts", "devpts",
                            {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  Options sys = {"nosuid", "noexec", "nodev"};
  Options cgroup = {"nosuid", "noexec", "nodev"};
  if (!request.privileged) sys.emplace_back("ro");
  cgroup.emplace_back(request.privileged ? "rw" : "ro");
  mounts.push_back(mount_of("/sys", "sysfs", "sysfs", sys));
  mounts.push_back(mount_of("/sys/fs/cgroup", "cgroup", "cgroup", cgroup));
  return mounts;
}

// Message queues and shared memory belong to the IPC namespace. A new mount of mqueue shows the queues of the
// namespace that the container is in, also when that is the host's, which need not have them mounted.
void add_ipc_mounts(const RunRequest& request, std::vector<Mount>& mounts) {
  mounts.push_back(mount_of("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (sharing_of(request.ipc_mode) == Sharing::kHost) {
    mounts.push_back(
        mount_of("/dev/shm", "bind", "/dev/shm", {"rbind", "rprivate", "nosuid", "noexec", "nodev"}));
    return;
  }
  if (request.ipc_mode == "none") return;
  const std::string size = "size=" + std::to_string(request.shm_bytes.value_or(kDefaultShmBytes));
  mounts.push_back(mount_of("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", size}));
}

void add_generated_files(const SpecInputs& inputs, std::vector<Mount>& mounts) {
  const RunRequest& request = inputs.record->request;
  for (const char* name : {"resolv.conf", "hostname", "hosts"}) {
    Options options = {"rbind", "rprivate", "nosuid", "nodev", "noexec"};
    if (request.read_only) options.emplace_back("ro");
    mounts.push_back(
        mount_of(std::string("/etc/") + name, "bind", inputs.run_directory + "/" + name, options));
  }
  if (!inputs.init_program.empty())
    mounts.push_back(
        mount_of(kInitPath, "bind", inputs.init_program, {"bind", "rprivate", "ro", "nosuid", "nodev"}));
}

bool contains_option(const Options& options, const char* word) {
  return std::find(options.begin(), options.end(), word) != options.end();
}

Mount user_mount(const MountPoint& point) {
  if (point.type == "tmpfs") {
    Options options;
    for (const auto& [ours, opposite] :
         {std::pair("noexec", "exec"), std::pair("nosuid", "suid"), std::pair("nodev", "dev")}) {
      if (!contains_option(point.options, opposite)) options.emplace_back(ours);
    }
    options.insert(options.end(), point.options.begin(), point.options.end());
    if (point.read_only) options.emplace_back("ro");
    return mount_of(point.destination, "tmpfs", "tmpfs", options);
  }
  Options options = {contains_option(point.options, "nonrecursive") ? "bind" : "rbind"};
  options.push_back(point.propagation.empty() ? "rprivate" : point.propagation);
  if (point.read_only) options.emplace_back(point.shallow_read_only ? "ro" : "rro");
  return mount_of(point.destination, "bind", point.source, options);
}

}  // namespace

std::vector<Mount> container_mounts(const SpecInputs& inputs) {
  const ContainerRecord& record = *inputs.record;
  std::vector<Mount> mounts = system_mounts(record.request);
  add_ipc_mounts(record.request, mounts);
  add_generated_files(inputs, mounts);
  for (const auto& point : record.mounts) {
    // What the user mounts himself replaces ours in its place.
    std::erase_if(mounts, [&](const auto& other) { return other.destination == point.destination; });
    mounts.push_back(user_mount(point));
  }
  return mounts;
}

}  // namespace engine
