// The systemd cgroup driver with a real systemd: pid 1 of namespaces of its own, below a cgroup of its own.
// On pure cgroup v2 alone, so in the virtual machine: a systemd that shares v1's hierarchies with this host's
// would be no test of either.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

// What a small host has: a bus that systemd starts, and nothing else. Its messages go nowhere.
constexpr const char* kBoot = R"sh(
echo $$ > "$1/cgroup.procs"
exec 3<&0
exec unshare --mount --pid --cgroup --propagation private sh -c '
  (
    read go <&3
    mount -t proc proc /proc
    mount -t tmpfs cgroup /sys/fs/cgroup  # cgroup2 can not be mounted on itself
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
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
      /lib/systemd/systemd --system --unit=small.target --log-target=null --show-status=0 <&- 3<&-
  ) &
  echo $!
')sh";

class SystemdHost {
 public:
  explicit SystemdHost(const std::string& directory)
      : cgroup_("/sys/fs/cgroup/systemd-host-" + std::to_string(::getpid())), directory_(directory) {
    REQUIRE(::mkdir(cgroup_.c_str(), 0755) == 0);
    RunningProgram boot({"/bin/sh", "-c", kBoot, "sh", cgroup_}, directory);
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
    (void)write_kernel_file(cgroup_ + "/cgroup.kill", "1");
    (void)within(kPatience, [] { return living_children().empty(); });
    remove_cgroups(cgroup_);
    CHECK_FALSE(path_exists(cgroup_));
  }
  SystemdHost(const SystemdHost&) = delete;
  SystemdHost& operator=(const SystemdHost&) = delete;

  // A command of that host: in its namespaces, and in a cgroup of its systemd.
  Words line(const Words& words) const {
    Words line = {"sh",
                  "-c",
                  "echo $$ > \"$1/init.scope/cgroup.procs\"; pid=$2; shift 2; "
                  "exec nsenter --target $pid --mount --pid --cgroup \"$@\"",
                  "sh",
                  cgroup_,
                  pid_};
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
  std::string file(const std::string& path) const {
    return std::string(trim(read_file(cgroup_ + path).value_or("(none)")));
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
  std::string cgroup_;
  std::string directory_;
  std::string pid_;
};

// vial-oci on that host; a container "x.slice:vial:ID" of a bundle that lies outside.
class Driver {
 public:
  Driver() : host_(oci_.directory()) {
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
  (void)driver.host().must({"systemctl", "daemon-reload"});
  // A limit of the slice makes systemd write those of all that is in it anew.
  (void)driver.host().must(
      {"systemctl", "set-property", "--runtime", "x.slice", "CPUWeight=50", "MemoryMax=1G"});
  CHECK_THAT(shown("MemoryMax,TasksMax"), Contains("\nMemoryMax=50331648\n") && Contains("\nTasksMax=40\n"));
  CHECK(driver.host().file(driver.path() + "/memory.max") == "50331648");
  CHECK(driver.host().file(driver.path() + "/pids.max") == "40");
  CHECK(driver.host().file(driver.path() + "/cpuset.cpus") == "0");
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
  podman({"load", "-q", "-i", std::string(::getenv("VIAL_SAMPLES")) + "/busybox.tar"});
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

}  // namespace

// One boot for all of it: that is what costs.
// spec: config-linux.md#cgroupsPath.systemd
TEST_CASE("a real systemd makes the scopes of vial-oci and of podman, and keeps and forgets them") {
  Driver driver;
  auto& spec = driver.oci().spec;
  spec["annotations"] = {{"org.systemd.property.TimeoutStopUSec", "uint64 7000000"}};
  spec["linux"]["resources"] = {{"memory", {{"limit", 64 << 20}}},
                                {"pids", {{"limit", 50}}},
                                {"cpu", {{"shares", 2048}, {"quota", 50'000}, {"cpus", "0"}}}};
  keeps_limits(driver);
  frees_names(driver);
  does_without_bus(driver);
  serves_podman(driver);
}
