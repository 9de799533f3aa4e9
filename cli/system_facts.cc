#include "cli/system_facts.h"

#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "cgroups/layout.h"
#include "cli/store_access.h"
#include "image/store.h"
#include "runtime/spec.h"

namespace cli {

namespace {

struct FileSystem {
  uint64_t magic;
  const char* name;
};
// statfs(2)
constexpr FileSystem kFileSystems[] = {
    {0xef53, "extfs"},         {0x58465342, "xfs"}, {0x9123683e, "btrfs"}, {0x01021994, "tmpfs"},
    {0x794c7630, "overlayfs"}, {0x2fc12fc1, "zfs"}, {0xf2f52010, "f2fs"}};

std::string file_system_of(const std::string& path) {
  struct statfs facts = {};
  if (::statfs(path.c_str(), &facts) != 0) return "unknown";
  for (const auto& known : kFileSystems) {
    if (known.magic == static_cast<uint64_t>(facts.f_type)) return known.name;
  }
  return "unknown";
}

// PRETTY_NAME of os-release(5).
std::string system_name() {
  const auto text = read_file("/etc/os-release");
  if (!text) return "Linux";
  for (const auto& line : split(*text, '\n')) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    const std::string value = line.substr(12);
    return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : value;
  }
  return "Linux";
}

int64_t total_memory() {
  return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
}

// Where each controller is: {"memory": "v1 /sys/fs/cgroup/memory"}.
Json controllers_of(const cgroups::Layout& layout) {
  Json controllers = Json::object();
  for (const auto& hierarchy : layout.v1) {
    for (const auto& controller : hierarchy.controllers)
      controllers[controller] = "v1 " + hierarchy.mount_point;
  }
  for (const auto& controller : layout.v2_controllers)
    controllers[controller] = "v2 " + layout.v2_mount_point;
  return controllers;
}

std::string cgroup_version(const cgroups::Layout& layout) {
  if (layout.is_pure_v2()) return "2";
  return layout.v2_mount_point.empty() ? "1" : "1 and 2";
}

void add_counts(const Invocation& call, Json& info, Json& warnings) {
  int running = 0;
  int paused = 0;
  int total = 0;
  const auto listing = open_store(call).list();
  if (listing) {
    for (const auto& container : listing->containers) {
      ++total;
      running += container.state.status == engine::Status::kRunning ? 1 : 0;
      paused += container.state.status == engine::Status::kPaused ? 1 : 0;
    }
    for (const auto& damaged : listing->damaged)
      warnings.push_back("container " + damaged.id + " is damaged: " + damaged.error);
  } else {
    warnings.push_back(listing.error().text());
  }
  info["Containers"] = total;
  info["ContainersRunning"] = running;
  info["ContainersPaused"] = paused;
  info["ContainersStopped"] = total - running - paused;
  const auto images = image::Store(call.globals.root).list();
  if (!images) warnings.push_back(images.error().text());
  info["Images"] = images ? images->size() : 0;
}

void add_cgroups(Json& info, Json& warnings) {
  const auto layout = cgroups::read_layout();
  info["CgroupDriver"] = "cgroupfs";
  info["CgroupVersion"] = layout ? cgroup_version(*layout) : "none";
  info["CgroupControllers"] = layout ? controllers_of(*layout) : Json::object();
  if (!layout) {
    warnings.push_back(layout.error().text());
    return;
  }
  for (const char* needed : {"cpu", "memory", "pids"}) {
    if (!info["CgroupControllers"].contains(needed))
      warnings.push_back(std::string("no ") + needed +
                         " controller: its limits can't be enforced on this host");
  }
}

std::string list_text(const Json& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : " ") + word.get<std::string>();
  return text;
}

}  // namespace

Result<Json> collect_info(const Invocation& call) {
  Json info;
  Json warnings = Json::array();
  utsname names = {};
  ::uname(&names);
  add_counts(call, info, warnings);
  add_cgroups(info, warnings);
  const std::string root = path_exists(call.globals.root) ? call.globals.root : "/";
  info["ID"] = "";
  info["Driver"] = "overlay";
  info["DriverStatus"] = Json::array({Json::array({"Backing Filesystem", file_system_of(root)})});
  info["LoggingDriver"] = "json-file";
  info["Plugins"] = {{"Volume", {"local"}}, {"Network", {"host", "none"}}, {"Log", {"json-file", "none"}}};
  info["Runtimes"] = {{"vial", {{"path", "vial-oci"}}}};
  info["DefaultRuntime"] = "vial";
  info["SecurityOptions"] = {"name=seccomp,profile=builtin", "name=cgroupns"};
  info["KernelVersion"] = names.release;
  info["OperatingSystem"] = system_name();
  info["OSType"] = "linux";
  info["Architecture"] = names.machine;
  info["NCPU"] = ::sysconf(_SC_NPROCESSORS_ONLN);
  info["MemTotal"] = total_memory();
  info["Name"] = names.nodename;
  info["DockerRootDir"] = call.globals.root;
  info["RunRootDir"] = call.globals.run_root;
  info["ServerVersion"] = VIAL_VERSION;
  info["InitBinary"] = "vial-init";
  info["LiveRestoreEnabled"] = true;  // there is no daemon whose end could end containers
  info["Warnings"] = warnings;
  return info;
}

std::string info_text(const Json& info) {
  const auto word = [&](const char* key) { return printable(info.value(key, "")); };
  const auto number = [&](const char* key) { return std::to_string(info.value(key, int64_t{0})); };
  std::string text = "Client:\n Version:    " VIAL_VERSION "\n\nEngine (no daemon):\n";
  text += " Containers: " + number("Containers") + "\n  Running: " + number("ContainersRunning") +
          "\n  Paused: " + number("ContainersPaused") + "\n  Stopped: " + number("ContainersStopped") + "\n";
  text += " Images: " + number("Images") + "\n Server Version: " + word("ServerVersion") + "\n";
  text += " Storage Driver: " + word("Driver") +
          "\n  Backing Filesystem: " + printable(info["DriverStatus"][0][1].get<std::string>()) + "\n";
  text += " Logging Driver: " + word("LoggingDriver") + "\n Cgroup Driver: " + word("CgroupDriver") +
          "\n Cgroup Version: " + word("CgroupVersion") + "\n Cgroup Controllers:\n";
  for (const auto& [name, place] : info["CgroupControllers"].items())
    text += "  " + printable(name) + ": " + printable(place.get<std::string>()) + "\n";
  text += " Plugins:\n";
  for (const char* kind : {"Volume", "Network", "Log"})
    text += std::string("  ") + kind + ": " + list_text(info["Plugins"][kind]) + "\n";
  text += " Runtimes: vial\n Default Runtime: " + word("DefaultRuntime") +
          "\n Init Binary: " + word("InitBinary") +
          "\n Security Options:\n  seccomp\n   Profile: builtin\n  cgroupns\n";
  text += " Kernel Version: " + word("KernelVersion") + "\n Operating System: " + word("OperatingSystem") +
          "\n OSType: linux\n Architecture: " + word("Architecture") + "\n CPUs: " + number("NCPU") +
          "\n Total Memory: " + human_size_binary(static_cast<uint64_t>(info.value("MemTotal", int64_t{0}))) +
          "\n Name: " + word("Name") + "\n Root Dir: " + word("DockerRootDir") +
          "\n Run Root Dir: " + word("RunRootDir") + "\n";
  for (const auto& warning : info["Warnings"])
    text += "WARNING: " + printable(warning.get<std::string>()) + "\n";
  return text;
}

Json collect_version() {
  utsname names = {};
  ::uname(&names);
  const std::string machine = std::string(names.machine) == "x86_64" ? "amd64" : names.machine;
  const Json block = {{"Version", VIAL_VERSION},
                      {"ApiVersion", ""},
                      {"Os", "linux"},
                      {"Arch", machine},
                      {"KernelVersion", names.release},
                      {"OCISpec", runtime::kSpecVersion},
                      {"Compiler", __VERSION__}};
  return {{"Client", block}, {"Server", block}};
}

std::string version_text(const Json& version) {
  const auto word = [&](const char* key) { return printable(version["Server"].value(key, "")); };
  return "Client:\n Version:           " + word("Version") + "\n OS/Arch:           linux/" + word("Arch") +
         "\n\nServer: vial (no daemon: the same program)\n Engine:\n  Version:          " + word("Version") +
         "\n  OS/Arch:          linux/" + word("Arch") + "\n  OCI runtime spec: " + word("OCISpec") +
         "\n  Kernel Version:   " + word("KernelVersion") + "\n";
}

}  // namespace cli
