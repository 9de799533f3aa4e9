// What a container finds below / by default: mounts, devices, masked and read-only paths.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/integration/vial_fixture.h"

namespace {

const Json* mount_at(const Json& report, const std::string& point) {
  const Json* last = nullptr;
  for (const auto& mount : report["mounts"])
    if (mount["point"] == point) last = &mount;
  return last;
}

std::set<std::string> options_at(const Json& report, const std::string& point) {
  const Json* mount = mount_at(report, point);
  if (mount == nullptr) return {};
  return (*mount)["options"].get<std::set<std::string>>();
}

std::string type_at(const Json& report, const std::string& point) {
  const Json* mount = mount_at(report, point);
  return mount == nullptr ? "none" : (*mount)["type"].get<std::string>();
}

const std::set<std::string> kHardened = {"rw", "nosuid", "nodev", "noexec", "relatime"};
const std::set<std::string> kHardenedReadOnly = {"ro", "nosuid", "nodev", "noexec", "relatime"};

}  // namespace

TEST_CASE("the default mounts are Docker's") {
  const Vial vial;
  const Json report = vial.inside({});
  CHECK(type_at(report, "/") == "overlay");
  CHECK(type_at(report, "/proc") == "proc");
  CHECK(options_at(report, "/proc") == kHardened);
  CHECK(type_at(report, "/dev") == "tmpfs");
  CHECK(options_at(report, "/dev") == std::set<std::string>{"rw", "nosuid", "noexec"});
  CHECK(type_at(report, "/dev/pts") == "devpts");
  CHECK(type_at(report, "/dev/mqueue") == "mqueue");
  CHECK(options_at(report, "/dev/mqueue") == kHardened);
  CHECK(type_at(report, "/dev/shm") == "tmpfs");
  CHECK(options_at(report, "/dev/shm") == kHardened);
  CHECK(type_at(report, "/sys") == "sysfs");
  CHECK(options_at(report, "/sys") == kHardenedReadOnly);
  CHECK(options_at(report, "/sys/fs/cgroup") == kHardenedReadOnly);
  for (const char* file : {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"})
    CHECK(mount_at(report, file) != nullptr);
}

TEST_CASE("no mount of a container is a peer of the host's") {
  const Vial vial;
  const Json report = vial.inside({});
  for (const auto& mount : report["mounts"]) {
    INFO(mount["point"]);
    CHECK(mount["propagation"].empty());
  }
}

TEST_CASE("the cgroups are read-only all the way down") {
  const Vial vial;
  const Json report = vial.inside({});
  size_t count = 0;
  for (const auto& mount : report["mounts"]) {
    if (mount["type"] != "cgroup" && mount["type"] != "cgroup2") continue;
    ++count;
    INFO(mount["point"]);
    CHECK(mount["options"].get<std::set<std::string>>().count("ro") == 1);
  }
  CHECK(count > 0);
}

TEST_CASE("the default devices are Docker's") {
  const Vial vial;
  const Json devices = vial.inside({})["devices"];
  std::set<std::string> names;
  for (const auto& [name, device] : devices.items())
    names.insert(name);
  CHECK(names == std::set<std::string>{"fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm",
                                       "stderr", "stdin", "stdout", "tty", "urandom", "zero"});
  const std::map<std::string, std::pair<int, int>> numbers = {{"null", {1, 3}},    {"zero", {1, 5}},
                                                              {"full", {1, 7}},    {"random", {1, 8}},
                                                              {"urandom", {1, 9}}, {"tty", {5, 0}}};
  for (const auto& [name, number] : numbers) {
    CHECK(devices[name]["type"] == "char");
    CHECK(devices[name]["major"] == number.first);
    CHECK(devices[name]["minor"] == number.second);
    CHECK(devices[name]["mode"] == 0666);
  }
  CHECK(devices["ptmx"]["target"] == "pts/ptmx");
  CHECK(devices["fd"]["target"] == "/proc/self/fd");
}

TEST_CASE("masked paths say nothing, and privileged ones speak") {
  const Vial vial;
  const Json masked = vial.inside({})["masked"];
  for (const auto& [path, found] : masked.items()) {
    INFO(path << " is " << found);
    CHECK((found == "empty" || found == "absent"));
  }
  // The positive control: without the masks there is something to be seen.
  CHECK(vial.inside({"--privileged"})["masked"]["/proc/kallsyms"] == "readable");
  CHECK(vial.inside({"--security-opt", "systempaths=unconfined"})["masked"]["/proc/kallsyms"] == "readable");
}

TEST_CASE("what is read-only by default can't be written") {
  const Vial vial;
  const Json writable = vial.inside({})["writable"];
  for (const char* path :
       {"/proc/sys/kernel/core_pattern", "/proc/irq", "/proc/bus", "/proc/fs", "/sys", "/sys/fs/cgroup"}) {
    INFO(path);
    CHECK(writable[path] == "EROFS");
  }
  for (const char* path : {"/", "/etc", "/tmp", "/dev/shm"}) {
    INFO(path);
    CHECK(writable[path] == "ok");
  }
  CHECK(vial.inside({"--privileged"})["writable"]["/proc/sys/kernel/core_pattern"] == "ok");
}

TEST_CASE("a read-only container can write only what is mounted for it") {
  const Vial vial;
  const Json report = vial.inside({"--read-only", "--tmpfs", "/tmp:size=1m"});
  CHECK(report["writable"]["/"] == "EROFS");
  CHECK(report["writable"]["/etc"] == "EROFS");
  CHECK(report["writable"]["/tmp"] == "ok");
  CHECK(report["writable"]["/dev/shm"] == "ok");
  CHECK(options_at(report, "/").count("ro") == 1);
}

TEST_CASE("a tmpfs has the options that were asked for beside the safe ones") {
  const Vial vial;
  const Json report = vial.inside({"--tmpfs", "/t:size=1m,mode=700", "--tmpfs", "/x:exec"});
  CHECK(type_at(report, "/t") == "tmpfs");
  CHECK(options_at(report, "/t") == kHardened);
  CHECK((*mount_at(report, "/t"))["super_options"].get<std::set<std::string>>().count("size=1024k") == 1);
  CHECK(options_at(report, "/x").count("noexec") == 0);
  CHECK(options_at(report, "/x").count("nosuid") == 1);
  CHECK(vial.shell({"--tmpfs", "/t:size=1m"}, "dd if=/dev/zero of=/t/f bs=64k count=17").code == 1);
}

TEST_CASE("the size of /dev/shm is what was asked for") {
  const Vial vial;
  const Json report = vial.inside({"--shm-size", "1m"});
  CHECK((*mount_at(report, "/dev/shm"))["super_options"].get<std::set<std::string>>().count("size=1024k") ==
        1);
}
