// New and joined namespaces of a plan, user namespaces above all.
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "namespaces/device_steps.h"
#include "namespaces/host_trees.h"
#include "runtime/launch.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

void own_by(const std::string& tree, unsigned id) {
  const auto changed = run_command({"chown", "-R", std::to_string(id) + ":" + std::to_string(id), tree});
  REQUIRE(changed);
  REQUIRE(changed->status.shell_code() == 0);
}

void add_user_namespace(runtime::Spec& spec) {
  spec.os.namespaces.push_back({"user", ""});
  spec.os.uid_mappings = spec.os.gid_mappings = {{0, 300000, 1000}};
}

// A container that sleeps, whose namespaces others join.
class Sleeper {
 public:
  explicit Sleeper(runtime::Spec spec, const SmallRootfs& rootfs) : spec_(std::move(spec)) {
    spec_.process.args = {"sleep", "100"};
    spec_.os.cgroups_path += "-sleeper";
    plan_ = runtime::make_plan(request_of(spec_, rootfs), runtime::collect_host_facts().value()).value();
    runtime::LaunchRequest launch;
    launch.plan = &plan_;
    auto launched = runtime::launch(std::move(launch));
    if (!launched) FAIL(launched.error().text());
    launched_ = std::move(*launched);
    REQUIRE(launched_->start());
  }
  ~Sleeper() {
    (void)sys::pidfd_send_signal(launched_->pidfd.get(), SIGKILL);
    (void)wait_for(launched_->pidfd.get());
    (void)runtime::undo_all(runtime::undo_list(plan_));
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  Sleeper(Sleeper&&) = delete;
  Sleeper& operator=(Sleeper&&) = delete;
  std::string ns(const std::string& name) const {
    return "/proc/" + std::to_string(launched_->init.pid) + "/ns/" + name;
  }

 private:
  runtime::Spec spec_;
  Plan plan_;
  std::unique_ptr<runtime::Launched> launched_;
};

std::string inode(const std::string& path) {
  return sys::readlinkat(AT_FDCWD, path.c_str()).value();
}

const std::vector<std::pair<std::string, std::string>> kJoinable = {
    {"user", "user"}, {"ipc", "ipc"},   {"uts", "uts"},       {"network", "net"},
    {"pid", "pid"},   {"time", "time"}, {"cgroup", "cgroup"},
};

const char* const kShowAll =
    "for n in user ipc uts net pid time cgroup; do readlink /proc/self/ns/$n; done; hostname; id -u";

}  // namespace

// spec: config-linux.md#userNamespaceMappings
// spec: config-linux.md#devices.user-namespace
TEST_CASE("a user namespace: mapped root, its devices, and directories that only the host's root may enter") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  const std::string secret = rootfs.directory() + "/secret";  // the test's directory itself is 0700
  REQUIRE(make_directories(secret + "/data", 0700));
  REQUIRE(create_file(secret + "/data/file", "inside\n", 0644));
  REQUIRE(::chmod((secret + "/data").c_str(), 0755) == 0);
  auto spec = rootfs.spec(
      {"sh", "-c",
       "id -u; cat /proc/self/uid_map; cat /data/file; stat -c '%t:%T' /dev/null /dev/full; "
       "echo x > /dev/null && echo written; touch /made && stat -c %u /made; mount | grep -c ' /proc '"});
  add_user_namespace(spec);
  spec.mounts.push_back({"/data", "bind", secret + "/data", {"bind", "ro"}, {}, {}});
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  const auto lines = split(output.out, '\n');
  REQUIRE(lines.size() > 6);
  CHECK(lines[0] == "0");
  CHECK(contains(lines[1], "300000"));
  CHECK(lines[2] == "inside");
  CHECK(lines[3] == "1:3");
  CHECK(lines[4] == "1:7");
  CHECK(lines[5] == "written");
  CHECK(lines[6] == "0");
  struct stat status = {};
  REQUIRE(::stat((rootfs.path() + "/made").c_str(), &status) == 0);
  CHECK(status.st_uid == 300000);
}

// spec: config-linux.md#devices.user-namespace
TEST_CASE("devices of a user namespace: made as the configuration says, whatever the host has at the path") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  auto spec = rootfs.spec({"sh", "-c",
                           "cd /dev; stat -c '%F %t:%T %a %u %g' mine pipe /opt/block zero full other null; "
                           "head -c 3 mine | wc -c; (echo x > full) 2>&1; chown 9:9 mine && stat -c %u mine; "
                           "cut -d ' ' -f 5 /proc/self/mountinfo | grep -c '^/$'"});
  add_user_namespace(spec);
  spec.os.devices = {{'c', "/dev/mine", 1, 5, 0640, 7, 8},
                     {'p', "/dev/pipe", 0, 0, 0622, std::nullopt, std::nullopt},
                     {'b', "/opt/block", 7, 200, 0660, 0, 6},
                     {'u', "/dev/zero", 1, 3, std::nullopt, std::nullopt, std::nullopt},
                     {'c', "/dev/other", 1, 9, 0600, 5000, 5000}};  // an owner who is nobody inside
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out ==
        "character special file 1:5 640 7 8\nfifo 0:0 622 0 0\nblock special file 7:c8 660 0 6\n"
        "character special file 1:3 666 0 0\ncharacter special file 1:7 666 0 0\n"
        "character special file 1:9 600 65534 65534\ncharacter special file 1:3 666 0 0\n"
        "3\nsh: write error: No space left on device\n9\n1\n");
}

TEST_CASE("devices of a user namespace as shell: the host's, and none that is another device") {
  const SmallRootfs rootfs;
  const auto code_with_minor = [&](unsigned minor) {
    const auto step = namespaces::device_nodes_step({{"/dev/zero", S_IFCHR, 1, minor}}, 0);
    const std::string script =
        "ROOT=" + rootfs.path() + "\nmkdir -p $ROOT/dev\n" + step->shell() + "\ntest -c $ROOT/dev/zero";
    return run_command({"unshare", "-m", "sh", "-c", script})->status.shell_code();
  };
  CHECK(code_with_minor(5) == 0);
  CHECK(code_with_minor(3) == 1);
}

TEST_CASE("more devices of a user namespace than a process may have descriptors") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  auto spec = rootfs.spec({"sh", "-c", "ls /dev | grep -c disk"});
  add_user_namespace(spec);
  for (int i = 0; i < 100; ++i)
    spec.os.devices.push_back({'b', "/dev/disk" + std::to_string(i), 7, i, 0600, 0, 0});
  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few = {64, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto output = run_to_end(spec, rootfs);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(output.out == "100\n");
}

// spec: config.md#mounts.idmap.user-namespace
TEST_CASE("idmap in a container with a user namespace: the host's files are the container's own") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  const std::string data = rootfs.directory() + "/data";
  REQUIRE(make_directories(data, 0755));
  REQUIRE(create_file(data + "/file", "x", 0600));
  auto spec = rootfs.spec({"sh", "-c",
                           "stat -c '%u %g' /plain/file /mapped/file; cat /plain/file 2>&1; cat "
                           "/mapped/file; touch /mapped/new"});
  add_user_namespace(spec);
  spec.mounts.push_back({"/plain", "bind", data, {"bind"}, {}, {}});
  spec.mounts.push_back({"/mapped", "bind", data, {"rbind", "ridmap"}, {}, {}});
  if (!can_map_ids()) {
    CHECK(contains(failure_of(request_of(spec, rootfs)), "can't be id-mapped on this kernel"));
    return;
  }
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == "65534 65534\n0 0\ncat: can't open '/plain/file': Permission denied\nx");
  struct stat status = {};
  REQUIRE(::stat((data + "/new").c_str(), &status) == 0);
  CHECK(status.st_uid == 0);
}

// spec: config-linux.md#namespaces.path
TEST_CASE("every namespace can be joined by its path, with and without a user namespace") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  const bool with_user = GENERATE(false, true);
  auto first = rootfs.spec({});
  first.hostname = "theirs";
  first.os.namespaces.push_back({"time", ""});
  if (with_user) add_user_namespace(first);
  const Sleeper sleeper(first, rootfs);
  auto spec = rootfs.spec({"sh", "-c", kShowAll});
  spec.hostname.clear();
  spec.os.namespaces = {{"mount", ""}};
  std::string expected;
  for (const auto& [type, name] : kJoinable) {
    if (type != "user" || with_user) spec.os.namespaces.push_back({type, sleeper.ns(name)});
    expected += inode(type != "user" || with_user ? sleeper.ns(name) : "/proc/self/ns/user") + "\n";
  }
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == expected + "theirs\n0\n");
}

// spec: config-linux.md#namespaces.path.owner
TEST_CASE("a new user namespace with a network that belongs to the host") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  auto first = rootfs.spec({});
  const Sleeper sleeper(first, rootfs);
  auto spec = rootfs.spec({"sh", "-c", "readlink /proc/self/ns/net; id -u; echo $$"});
  add_user_namespace(spec);
  for (auto& entry : spec.os.namespaces)
    if (entry.type == "network") entry.path = sleeper.ns("net");
  // sysfs is of the network namespace, which this user namespace does not own.
  std::erase_if(spec.mounts, [](const auto& mount) { return mount.destination.starts_with("/sys"); });
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out == inode(sleeper.ns("net")) + "\n0\n1\n");
}

// spec: config-linux.md#namespaces.path.type
TEST_CASE("a path that is not there or of another kind is an error that names it") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  spec.os.namespaces[1].path = "/no/such";
  CHECK(contains(failure_of(request_of(spec, rootfs)), "/no/such: No such file or directory"));
  spec.os.namespaces[1].path = "/proc/self/ns/ipc";
  CHECK(contains(failure_of(request_of(spec, rootfs)), "/proc/self/ns/ipc: setns: Invalid argument"));
  spec.os.namespaces.push_back({"user", "/no/such"});
  CHECK(contains(failure_of(request_of(spec, rootfs)), "/no/such: No such file or directory"));
}

// What podman makes of --pid=host with --uidmap: the host's /proc is bound, with sysctls and a score.
TEST_CASE("a user namespace in the caller's pid namespace: sysctls and the score are set all the same") {
  const SmallRootfs rootfs;
  own_by(rootfs.path(), 300000);
  auto spec = rootfs.spec(
      {"sh", "-c",
       "cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj; test $$ -gt 1 && echo outside"});
  add_user_namespace(spec);
  std::erase_if(spec.os.namespaces, [](const auto& entry) { return entry.type == "pid"; });
  spec.mounts[0] = {"/proc", "bind", "/proc", {"rbind", "nosuid", "noexec", "nodev"}, {}, {}};
  spec.os.sysctl = {{"net.ipv4.ip_forward", GENERATE("0", "1")}};
  spec.process.oom_score_adj = 321;
  CHECK(run_to_end(spec, rootfs).out == spec.os.sysctl["net.ipv4.ip_forward"] + "\n321\noutside\n");
}

// spec: config-linux.md#timeOffsets
TEST_CASE("time offsets move the container's clocks") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sh", "-c", "cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets"});
  spec.os.namespaces.push_back({"time", ""});
  spec.os.time_offsets = {{"boottime", 1000000, 5}, {"monotonic", 77, 0}};
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(parse_uint(output.out.substr(0, output.out.find('\n'))).value() >= 1000000);
  CHECK(contains(output.out, "1000000"));
}

// spec: config-linux.md#netDevices
// spec: config-linux.md#netDevices.addresses
// spec: config-linux.md#netDevices.up
// spec: config-linux.md#netDevices.unique
// spec: config-linux.md#netDevices.template
TEST_CASE("a network device of the host is moved inside, renamed, with its global addresses, and up") {
  const SmallRootfs rootfs;
  const pid_t child = ::fork();
  if (child == 0) {
    // In a network namespace of the test's own: the host's stays as it is.
    const auto ip = [](std::vector<std::string> words) {
      words.insert(words.begin(), "ip");
      auto done = run_command(words);
      return done && done->status.shell_code() == 0;
    };
    bool good = sys::unshare(CLONE_NEWNET).has_value();
    good = good && ip({"link", "add", "vialdummy", "type", "veth", "peer", "name", "vialpeer"});
    good = good && ip({"addr", "add", "10.77.0.5/24", "dev", "vialdummy"});
    good = good && ip({"addr", "add", "fd77::5/64", "dev", "vialdummy", "nodad"});
    good = good && ip({"addr", "add", "169.254.7.7/16", "dev", "vialdummy", "scope", "link"});
    auto spec = rootfs.spec({"sh", "-c", "ip addr show dev inner; ip addr show dev vialdummy 2>&1"});
    spec.os.net_devices = {{"vialdummy", "lo"}};
    const std::string taken = failure_of(request_of(spec, rootfs));
    const bool kept = ip({"link", "show", "vialdummy"});
    spec.os.net_devices = {{"vialdummy", "inner"}};
    const std::string out = good ? run_to_end(spec, rootfs).out : "no device\n";
    const bool gone = !ip({"link", "show", "vialdummy"});
    const std::string again = failure_of(request_of(spec, rootfs));
    // Of two with one template each has a number of its own, and its address.
    good = good && ip({"link", "add", "vialone", "type", "veth", "peer", "name", "vialtwo"});
    good = good && ip({"addr", "add", "10.78.0.1/24", "dev", "vialtwo"});
    spec.os.net_devices = {{"vialone", "inner%d"}, {"vialtwo", "inner%d"}};
    spec.process.args = {"sh", "-c", "ip -o addr | grep 10.78; ip -o link show dev inner0"};
    const std::string numbered = good ? run_to_end(spec, rootfs).out : "no devices\n";
    (void)create_file(rootfs.directory() + "/out",
                      out + numbered + (gone ? "gone\n" : "still there\n") + taken +
                          (kept ? "\nkept\n" : "\nlost\n") + again,
                      0644);
    ::_exit(0);
  }
  const Fd pidfd = sys::pidfd_open(child).value();
  REQUIRE(wait_for(pidfd.get()));
  const std::string out = read_file(rootfs.directory() + "/out").value();
  INFO(out);
  CHECK(contains(out, "inet 10.77.0.5/24"));
  CHECK(contains(out, "inet6 fd77::5/64"));
  CHECK_FALSE(contains(out, "169.254.7.7"));
  CHECK(contains(out, ",UP"));
  CHECK(contains(out, "\ngone\n"));
  CHECK(contains(out, "the container has an interface lo already\nkept\n"));
  CHECK(contains(out, "there is no network interface vialdummy"));
  CHECK(contains(out, " inner1    inet 10.78.0.1/24"));
  CHECK(contains(out, " inner0@inner1: "));
}
