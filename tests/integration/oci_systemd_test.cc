// The systemd cgroup driver with a real systemd: pid 1 of namespaces of its own; on pure cgroup v2 below a
// cgroup of its own, on a hybrid and a legacy host with all of v1. In virtual machines alone: a systemd that
// shares v1's hierarchies with this host's would be no test of either.
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

// What a small host has: a bus that systemd starts, and nothing else. Its messages go nowhere. $1 is the
// cgroup of a host of pure v2; without one systemd mounts what the further words tell it to.
constexpr const char* kBoot = R"sh(
own=$1; shift
[ -z "$own" ] || echo $$ > "$own/cgroup.procs"
exec 3<&0
export own
exec unshare --mount --pid ${own:+--cgroup} --propagation private sh -c '
  (
    read go <&3
    mount -t proc proc /proc
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup  # cgroup2 can not be mounted on itself
    [ -z "$own" ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs -o mode=755 run /run
    # All that a boot and a reload would read, and nobody asks for.
    for place in /lib/systemd/system-generators /lib/systemd/system-environment-generators /lib/systemd/system \
      /etc/systemd/system; do
      [ ! -d $place ] || mount -t tmpfs none $place
    done
    mkdir -p /run/systemd/system /run/dbus
    echo 0123456789abcdef0123456789abcdef > /run/machine-id
    [ -e /etc/machine-id ] || : > /etc/machine-id
    mount --bind /run/machine-id /etc/machine-id
    cd /run/systemd/system
    printf "[Unit]\nWants=dbus.service\nAfter=dbus.service\n" > small.target
    printf "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n" > dbus.socket
    printf "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\n" > dbus.service
    printf "ExecStart=/usr/bin/dbus-daemon --config-file=/run/dbus/conf --address=systemd: --nofork --nopidfile\n" \
      >> dbus.service
    printf "<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>" > /run/dbus/conf
    printf "<auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\"/>" >> /run/dbus/conf
    printf "<allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>" >> /run/dbus/conf
    exec env -i container=vial-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      /lib/systemd/systemd --system --unit=small.target --log-target=null --show-status=0 "$@" <&- 3<&-
  ) &
  echo $!
' sh "$@")sh";

enum class Kind { kV2, kHybrid, kLegacy };

Words boot_options(Kind kind) {
  if (kind == Kind::kV2) return {};
  Words options = {"systemd.unified_cgroup_hierarchy=0"};
  if (kind == Kind::kLegacy) options.push_back("systemd.legacy_systemd_cgroup_controller=1");
  return options;
}

class SystemdHost {
 public:
  SystemdHost(const std::string& directory, Kind kind) : kind_(kind), directory_(directory) {
    INFO("systemd mounts cgroup hierarchies as it likes: not on a machine of other people");
    REQUIRE(in_vm());
    if (kind == Kind::kV2) {
      cgroup_ = "/sys/fs/cgroup/systemd-host-" + std::to_string(::getpid());
      REQUIRE(::mkdir(cgroup_.c_str(), 0755) == 0);
    }
    Words line = {"/bin/sh", "-c", kBoot, "sh", cgroup_};
    for (const auto& option : boot_options(kind))
      line.push_back(option);
    RunningProgram boot(line, directory);
    const Outcome booted = boot.wait();
    INFO(booted.err);
    REQUIRE(booted.code == 0);
    pid_ = std::string(trim(booted.out));
    boot.type("go\n");
    const bool is_up = within(kPatience, [&] {
      return trim(inside({"systemctl", "is-active", "dbus.service"}).out) == "active";
    });
    INFO(boot.err());
    REQUIRE(is_up);
  }
  ~SystemdHost() {
    // The end of its pid 1 is that of all.
    (void)run_into_files({"kill", "-KILL", pid_}, directory_);
    (void)within(kPatience, [] { return living_children().empty(); });
    if (cgroup_.empty()) return;
    remove_cgroups(cgroup_);
    CHECK_FALSE(path_exists(cgroup_));
  }
  SystemdHost(const SystemdHost&) = delete;
  SystemdHost& operator=(const SystemdHost&) = delete;

  Kind kind() const { return kind_; }

  // A command of that host: in its namespaces, and in a cgroup of its systemd.
  Words line(const Words& words) const {
    const std::string script =
        "[ -z \"$1\" ] || echo $$ > \"$1/init.scope/cgroup.procs\"; pid=$2; shift 2; "
        "exec nsenter --target $pid --mount --pid --cgroup \"$@\"";
    Words line = {"sh", "-c", script, "sh", cgroup_, pid_};
    line.insert(line.end(), words.begin(), words.end());
    return line;
  }
  Outcome inside(const Words& words) const { return run_into_files(line(words), directory_); }
  std::string must(const Words& words) const {
    const Outcome outcome = inside(words);
    INFO(shell_words(words) << "\nexit " << outcome.code << "\n" << outcome.out << outcome.err);
    CHECK(outcome.code == 0);
    return std::string(trim(outcome.out));
  }
  // `systemctl show`: NAME=VALUE, a line each, in systemd's order.
  std::string properties(const std::string& unit, const std::string& names) const {
    return "\n" + must({"systemctl", "show", unit, "--property", names}) + "\n";
  }
  // A file below its /sys/fs/cgroup.
  std::string file(const std::string& path) const {
    return std::string(trim(read_file("/proc/" + pid_ + "/root/sys/fs/cgroup" + path).value_or("(none)")));
  }

 private:
  static void remove_cgroups(const std::string& path) {
    for (const auto& name : list_directory(path).value_or({})) {
      struct stat info = {};
      const std::string below = path + "/" + name;
      if (::lstat(below.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) remove_cgroups(below);
    }
    ::rmdir(path.c_str());
  }
  Kind kind_;
  std::string cgroup_;  // on v1 none: all of them
  std::string directory_;
  std::string pid_;
};

// vial-oci on that host; a container "x.slice:vial:ID" of a bundle that lies outside.
class Driver {
 public:
  explicit Driver(Kind kind) : host_(oci_.directory(), kind) {
    oci_.spec["process"]["args"] = {"sleep", "100"};
    oci_.spec["linux"]["cgroupsPath"] = "x.slice:vial:" + oci_.id();
  }

  OciBundle& oci() { return oci_; }
  const SystemdHost& host() const { return host_; }
  Outcome call(const Words& words) const { return host_.inside(oci_.command_line(words)); }
  Outcome create(const Words& before = {}) const {
    oci_.write_config();
    Words words = before;
    for (const auto& word :
         oci_.command_line({"--systemd-cgroup", "create", "--bundle", oci_.bundle(), oci_.id()}))
      words.push_back(word);
    return run_into_files(host_.line(words), oci_.directory(), "container");
  }
  void launch() const {
    const Outcome created = create();
    INFO(created.err);
    REQUIRE(created.code == 0);
    const Outcome started = call({"start", oci_.id()});
    INFO(started.err);
    REQUIRE(started.code == 0);
  }
  std::string unit() const { return "vial-" + oci_.id() + ".scope"; }
  std::string path() const { return "/x.slice/" + unit(); }
  // What a loaded unit is, and "not-found" afterwards.
  std::string load_state() const {
    return host_.must({"systemctl", "show", "--value", "--property", "LoadState", unit()});
  }

 private:
  mutable OciBundle oci_;
  SystemdHost host_;
};

// "254:0": the machine's empty disk.
std::string disk() {
  struct stat info = {};
  REQUIRE(::stat("/dev/vda", &info) == 0);
  return std::to_string(major(info.st_rdev)) + ":" + std::to_string(minor(info.st_rdev));
}
Json rate_of_disk(uint64_t rate) {
  const auto numbers = split(disk(), ':');
  return {{{"major", std::stoul(numbers[0])}, {"minor", std::stoul(numbers[1])}, {"rate", rate}}};
}

// What makes systemd write the cgroup files of all that is in a slice anew.
void stir(const SystemdHost& host, const std::string& neighbour) {
  (void)host.must({"systemctl", "set-property", "--runtime", "x.slice", "CPUWeight=50", "MemoryMax=1G",
                   "IOWeight=50", "MemoryLimit=1G", "CPUShares=512"});
  // One with rules for devices: systemd has then rules for all beside it.
  (void)host.must({"systemd-run", "--quiet", "--unit", neighbour, "--slice", "x.slice", "--property",
                   "DefaultDependencies=no", "--property", "DevicePolicy=strict", "--property",
                   "DeviceAllow=/dev/null rw", "--service-type", "exec", "sleep", "100"});
  (void)host.must({"systemctl", "daemon-reload"});
}

// The limits are the unit's, and stay through what systemd does on its own.
void keeps_limits(Driver& driver) {
  driver.launch();
  const std::string id = driver.oci().id();
  const auto shown = [&](const std::string& names) { return driver.host().properties(driver.unit(), names); };
  CHECK_THAT(shown("ActiveState,ControlGroup,Slice,Delegate,MemoryMax,TasksMax,AllowedCPUs,"
                   "CPUQuotaPerSecUSec,TimeoutStopUSec,Description"),
             Contains("\nActiveState=active\n") && Contains("\nControlGroup=" + driver.path() + "\n") &&
                 Contains("\nSlice=x.slice\n") && Contains("\nDelegate=yes\n") &&
                 Contains("\nMemoryMax=67108864\n") && Contains("\nTasksMax=50\n") &&
                 Contains("\nAllowedCPUs=0\n") && Contains("\nCPUQuotaPerSecUSec=500ms\n") &&
                 Contains("\nTimeoutStopUSec=7s\n") && Contains(id));
  CHECK(driver.host().file(driver.path() + "/memory.max") == "67108864");
  const Outcome inside = driver.call({"exec", id, "cat", "/proc/self/cgroup"});
  CHECK(inside.out == "0::" + driver.path() + "\n");
  CHECK(inside.code == 0);
  const Outcome updated = driver.call({"update", "--memory", "48m", "--pids-limit", "40", id});
  INFO(updated.err);
  CHECK(updated.code == 0);
  stir(driver.host(), "first");
  CHECK_THAT(shown("MemoryMax,TasksMax"), Contains("\nMemoryMax=50331648\n") && Contains("\nTasksMax=40\n"));
  const auto file = [&](const std::string& name) { return driver.host().file(driver.path() + "/" + name); };
  CHECK(file("memory.max") == "50331648");
  CHECK(file("memory.swap.max") == "33554432");
  CHECK(file("memory.high") == "41943040");
  CHECK(file("pids.max") == "40");
  CHECK(file("cpuset.cpus") == "0");
  CHECK(file("io.weight") == "default 4950");
  CHECK(file("io.max") == disk() + " rbps=1048576 wbps=max riops=max wiops=100");
  CHECK(driver.call({"update", "--cpu-quota", "-1", "--cpu-idle", "1", "--blkio-weight", "100", id}).code ==
        0);
  stir(driver.host(), "second");
  CHECK_THAT(shown("CPUQuotaPerSecUSec"), Contains("=infinity\n"));
  CHECK(file("cpu.max") == "max 100000");
  CHECK(file("cpu.idle") == "1");
  CHECK(file("io.weight") == "default 910");
}

// The same where the controllers are v1's: its properties, and its device rules, which systemd would open.
void keeps_limits_of_v1(Driver& driver) {
  driver.launch();
  const std::string id = driver.oci().id();
  const auto file = [&](const std::string& controller, const std::string& name) {
    return driver.host().file("/" + controller + driver.path() + "/" + name);
  };
  const std::string rules = file("devices", "devices.list");
  CHECK_THAT(rules, Contains("c 10:200 rw") && !Contains("a *:*"));
  CHECK(file("memory", "memory.limit_in_bytes") == "67108864");
  CHECK(driver.call({"update", "--cpu-quota", "20000", "--memory", "48m", "--memory-swap", "64m", id}).code ==
        0);
  stir(driver.host(), "first");
  CHECK_THAT(driver.host().properties(driver.unit(), "MemoryLimit,TasksMax,CPUQuotaPerSecUSec,CPUShares"),
             Contains("\nMemoryLimit=50331648\n") && Contains("\nTasksMax=50\n") &&
                 Contains("\nCPUQuotaPerSecUSec=100ms\n") && Contains("\nCPUShares=2048\n"));
  CHECK(file("devices", "devices.list") == rules);
  CHECK(file("memory", "memory.limit_in_bytes") == "50331648");
  CHECK(file("memory", "memory.memsw.limit_in_bytes") == "67108864");
  CHECK(file("memory", "memory.soft_limit_in_bytes") == "33554432");
  CHECK(file("pids", "pids.max") == "50");
  CHECK(file("cpu", "cpu.cfs_quota_us") == "20000");
  CHECK(file("cpu", "cpu.cfs_period_us") == "200000");
  CHECK(file("cpu", "cpu.shares") == "2048");
  CHECK(file("cpuset", "cpuset.cpus") == "0");
  CHECK(file("hugetlb", "hugetlb.2MB.limit_in_bytes") == "4194304");
  CHECK(file("blkio", "blkio.throttle.read_bps_device") == disk() + " 1048576");
  CHECK(file("blkio", "blkio.throttle.write_iops_device") == disk() + " 100");
}

// All of it is in the scope's cgroup, whatever the hierarchy, and stops, goes on and dies there.
void lives_on_v1(Driver& driver) {
  const std::string id = driver.oci().id();
  const Outcome inside = driver.call({"exec", id, "cat", "/proc/self/cgroup"});
  CHECK(inside.code == 0);
  for (const std::string& line : split(trim(inside.out), '\n')) {
    const bool is_unmounted = driver.host().kind() == Kind::kLegacy && line.starts_with("0::");
    CHECK((is_unmounted || line.ends_with(":" + driver.path())));
  }
  CHECK(driver.call({"pause", id}).code == 0);
  CHECK_THAT(driver.call({"state", id}).out, Contains("\"paused\""));
  CHECK(driver.call({"resume", id}).code == 0);
  CHECK_THAT(driver.call({"ps", id}).out, Contains("sleep 100"));
  CHECK(driver.call({"kill", id, "KILL"}).code == 0);
  CHECK(within(kPatience, [&] { return contains(driver.call({"state", id}).out, "\"stopped\""); }));
  CHECK(driver.call({"delete", id}).code == 0);
  CHECK(driver.load_state() == "not-found");
  CHECK(driver.host().must({"find", "/sys/fs/cgroup/", "-name", driver.unit()}).empty());
}

// A name is taken until its container is gone, and free at once when it is.
void frees_names(Driver& driver) {
  const std::string id = driver.oci().id();
  const Outcome twice = driver.host().inside(
      driver.oci().command_line({"--systemd-cgroup", "create", "--bundle", driver.oci().bundle(), id + "b"}));
  CHECK(twice.code == 1);
  CHECK_THAT(twice.err, Contains(driver.unit()) && Contains("holds 1 processes already"));
  CHECK(driver.call({"delete", "--force", id}).code == 0);
  CHECK(driver.host().file(driver.path() + "/memory.max") == "(none)");
  driver.launch();
  CHECK(driver.call({"kill", id, "KILL"}).code == 0);
  CHECK(within(kPatience, [&] { return contains(driver.call({"state", id}).out, "\"stopped\""); }));
  CHECK(driver.call({"delete", id}).code == 0);
  CHECK(driver.load_state() == "not-found");
  // A create that fails when the scope is there.
  driver.oci().spec["root"]["path"] = "nowhere";
  CHECK(driver.create().code == 1);
  CHECK(driver.load_state() == "not-found");
  driver.oci().spec["root"]["path"] = "rootfs";
}

void does_without_bus(Driver& driver) {
  const Outcome made =
      driver.create({"unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run/dbus; exec \"$@\"", "sh"});
  INFO(made.err);
  CHECK(made.code == 0);
  CHECK(driver.host().file(driver.path() + "/pids.max") == "50");
  CHECK(driver.call({"delete", "--force", driver.oci().id()}).code == 0);
  CHECK(driver.load_state() == "not-found");
}

void serves_podman(Driver& driver) {
  const SystemdHost& host = driver.host();
  const std::string own = driver.oci().directory();
  const auto podman = [&](const Words& words) {
    Words all = {"podman",   "--root",        own + "/root",      "--runroot", own + "/runroot",
                 "--tmpdir", own + "/tmpdir", "--cgroup-manager", "systemd",   "--events-backend",
                 "file",     "--runtime",     oci_runtime()};
    all.insert(all.end(), words.begin(), words.end());
    return host.must(all);
  };
  podman({"load", "-q", "-i", sample_archive("busybox")});
  const std::string id = podman(
      {"run", "-d", "--name", "web", "--network", "none", "--memory", "64m", "busybox", "sleep", "100"});
  const std::string scope = "libpod-" + id + ".scope";
  CHECK_THAT(host.properties(scope, "ActiveState,MemoryMax,Slice"), Contains("\nActiveState=active\n") &&
                                                                        Contains("\nMemoryMax=67108864\n") &&
                                                                        Contains("\nSlice=machine.slice\n"));
  podman({"rm", "-f", "-t", "0", "web"});
  CHECK(host.must({"systemctl", "show", "--value", "--property", "LoadState", scope}) == "not-found");
  host.inside({"umount", own + "/root/overlay"});
}

Json limits() {
  return {
      {"memory", {{"limit", 64 << 20}, {"swap", 96 << 20}}},
      {"pids", {{"limit", 50}}},
      {"blockIO",
       {{"throttleReadBpsDevice", rate_of_disk(1 << 20)}, {"throttleWriteIOPSDevice", rate_of_disk(100)}}},
      {"cpu", {{"shares", 2048}, {"quota", 50'000}, {"cpus", "0"}}}};
}

}  // namespace

// One boot for all of it: that is what costs.
// spec: config-linux.md#cgroupsPath.systemd
TEST_CASE("a real systemd makes the scopes of vial-oci and of podman, and keeps and forgets them") {
  Driver driver(Kind::kV2);
  auto& spec = driver.oci().spec;
  spec["annotations"] = {{"org.systemd.property.TimeoutStopUSec", "uint64 7000000"}};
  spec["linux"]["resources"] = limits();
  spec["linux"]["resources"]["blockIO"]["weight"] = 500;
  spec["linux"]["resources"]["unified"] = {{"memory.high", "40M"}};
  keeps_limits(driver);
  frees_names(driver);
  does_without_bus(driver);
  serves_podman(driver);
}

// spec: config-linux.md#cgroupsPath.systemd
TEST_CASE("a real systemd keeps the limits and device rules of a scope on v1", "[v1-host]") {
  const Kind kind = GENERATE(Kind::kLegacy, Kind::kHybrid);
  INFO((kind == Kind::kHybrid ? "hybrid" : "legacy"));
  Driver driver(kind);
  auto& resources = driver.oci().spec["linux"]["resources"];
  resources = limits();
  resources["memory"]["reservation"] = 32 << 20;
  resources["cpu"]["period"] = 200'000;
  resources["hugepageLimits"] = {{{"pageSize", "2MB"}, {"limit", 4 << 20}}};
  resources["devices"] = {{{"allow", false}, {"access", "rwm"}},
                          {{"allow", true}, {"type", "c"}, {"major", 10}, {"minor", 200}, {"access", "rw"}}};
  keeps_limits_of_v1(driver);
  lives_on_v1(driver);
}
