#include "runtime/spec_validate.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "runtime/spec_read.h"
#include "tests/unit/runtime/spec_document.h"

using runtime::Spec;
using runtime::validate_spec;

namespace {

Spec full_spec() {
  auto spec = runtime::read_spec(full_document());
  REQUIRE(spec);
  return *spec;
}

// The error that a full, valid spec has after `change`; empty when it is still valid.
std::string outcome(const std::function<void(Spec&)>& change) {
  Spec spec = full_spec();
  change(spec);
  const auto valid = validate_spec(spec);
  if (valid) return "";
  CHECK(valid.error().kind() == ErrorKind::kInvalid);
  return valid.error().text();
}

// Takes one namespace out of linux.namespaces.
void without(Spec& spec, const std::string& type) {
  auto& list = spec.os.namespaces;
  for (size_t i = list.size(); i-- > 0;) {
    if (list[i].type == type) list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void join(Spec& spec, const std::string& type) {
  for (auto& entry : spec.os.namespaces) {
    if (entry.type == type) entry.path = "/proc/1/ns/x";
  }
}

}  // namespace

TEST_CASE("the full spec is valid, and so is one without a process") {
  CHECK(outcome([](Spec&) {}).empty());
  CHECK(outcome([](Spec& s) { s.process = {}; }).empty());
}

// spec: config.md#process.args.required
TEST_CASE("process") {
  CHECK(outcome([](Spec& s) { s.process.args.clear(); }) ==
        "/process/args: missing; it names the program to run");
  CHECK(outcome([](Spec& s) { s.process.cwd = "srv"; }) == "/process/cwd: not an absolute path");
  CHECK(outcome([](Spec& s) { s.process.cwd = ""; }) == "/process/cwd: not an absolute path");
  CHECK(outcome([](Spec& s) { s.process.console_width = 65536; }) ==
        "/process/consoleSize: more than 65535 rows or columns");
  CHECK(outcome([](Spec& s) { s.process.console_height = 65535; }).empty());
  CHECK(outcome([](Spec& s) {
          s.process.terminal = false;
          s.process.console_width = 65536;
        }).empty());
  CHECK(outcome([](Spec& s) { s.process.oom_score_adj = -1001; }) ==
        "/process/oomScoreAdj: not between -1000 and 1000");
  CHECK(outcome([](Spec& s) { s.process.oom_score_adj = 1001; }) ==
        "/process/oomScoreAdj: not between -1000 and 1000");
  CHECK(outcome([](Spec& s) { s.process.oom_score_adj = 1000; }).empty());
  CHECK(outcome([](Spec& s) { s.process.env = {"NO_EQUALS", "=x", ""}; }).empty());
}

TEST_CASE("ids: -1 would leave a process root") {
  CHECK(outcome([](Spec& s) { s.process.user.uid = UINT32_MAX; }) ==
        "/process/user/uid: 4294967295 is no user id");
  CHECK(outcome([](Spec& s) { s.process.user.gid = UINT32_MAX; }) ==
        "/process/user/gid: 4294967295 is no group id");
  CHECK(outcome([](Spec& s) {
          s.process.user.additional_gids = {1, UINT32_MAX};
        }) == "/process/user/additionalGids/1: 4294967295 is no group id");
  CHECK(outcome([](Spec& s) { s.process.user.umask = 01000; }) ==
        "/process/user/umask: more than the nine permission bits");
}

// spec: config.md#process.rlimits
TEST_CASE("rlimits") {
  CHECK(outcome([](Spec& s) { s.process.rlimits[1].soft = 3; }) ==
        "/process/rlimits/1: the soft limit of RLIMIT_CORE is above the hard one");
  CHECK(outcome([](Spec& s) { s.process.rlimits[1].type = "RLIMIT_NOFILE"; }) ==
        "/process/rlimits/1: RLIMIT_NOFILE is given twice");
  CHECK(outcome([](Spec& s) {
          s.process.rlimits[0].type = "RLIMIT_X\x1b";
        }).find("/process/rlimits/0: unknown resource limit \"RLIMIT_X\\") == 0);
}

TEST_CASE("the CPUs of an exec are judged when the container is made") {
  CHECK(outcome([](Spec& s) {
          s.process.cpu_affinity_final = "0-";
        }).find("/process/execCPUAffinity: not a list of CPUs") == 0);
}

// spec: config.md#hooks.path
// spec: config.md#mounts.destination
// spec: config.md#annotations
// spec: config.md#hooks.timeout
TEST_CASE("root, mounts, hooks, annotations") {
  CHECK(outcome([](Spec& s) { s.root.path.clear(); }) ==
        "/root/path: missing; it names the container's root directory");
  CHECK(outcome([](Spec& s) { s.mounts[1].destination = "data"; }) ==
        "/mounts/1/destination: not an absolute path");
  CHECK(outcome([](Spec& s) {
          s.mounts[0].options = {"ro", "=x"};
        }) == "/mounts/0/options: mount option \"=x\" has no name");
  CHECK(outcome([](Spec& s) { s.mounts[1].gid_maps.clear(); }) ==
        "/mounts/1: uidMappings and gidMappings need each other");
  CHECK(outcome([](Spec& s) { s.mounts[1].uid_maps[0].size = 0; }) ==
        "/mounts/1/uidMappings/0: the size is zero");
  CHECK(outcome([](Spec& s) { s.hooks.create_container[0].path = "bin/c"; }) ==
        "/hooks/createContainer/0/path: not an absolute path");
  CHECK(outcome([](Spec& s) { s.hooks.poststop[1].timeout_s = -1; }) ==
        "/hooks/poststop/1/timeout: not above zero");
  CHECK(outcome([](Spec& s) { s.annotations[""] = "x"; }) == "/annotations: a name in it is empty");
}

// spec: config-linux.md#namespaces.twice
TEST_CASE("the list of namespaces") {
  CHECK(outcome([](Spec& s) { s.os.namespaces[0].type = "pids"; }) ==
        "/linux/namespaces: unknown namespace \"pids\"");
  CHECK(outcome([](Spec& s) { s.os.namespaces[0].type = "user"; }) ==
        "/linux/namespaces: namespace \"user\" is given twice");
  CHECK(outcome([](Spec& s) {
          s.os.namespaces[0].path = "proc/1/ns/pid";
        }).find("/linux/namespaces: path of the pid namespace is not absolute") == 0);
}

TEST_CASE("what needs a namespace of its own") {
  CHECK(outcome([](Spec& s) { without(s, "uts"); }) == "/hostname: needs a uts namespace");
  CHECK(outcome([](Spec& s) {
          without(s, "uts");
          s.hostname.clear();
        }) == "/domainname: needs a uts namespace");
  CHECK(outcome([](Spec& s) { without(s, "user"); }) == "/linux/uidMappings: needs a user namespace");
  CHECK(outcome([](Spec& s) {
          without(s, "user");
          s.os.uid_mappings.clear();
        }) == "/linux/gidMappings: needs a user namespace");
  CHECK(outcome([](Spec& s) { without(s, "time"); }) == "/linux/timeOffsets: need a new time namespace");
  CHECK(outcome([](Spec& s) { join(s, "time"); }) == "/linux/timeOffsets: need a new time namespace");
  CHECK(outcome([](Spec& s) { without(s, "network"); }) == "/linux/netDevices: need a network namespace");
  CHECK(outcome([](Spec& s) { without(s, "mount"); }) == "/linux/maskedPaths: need a mount namespace");
  CHECK(outcome([](Spec& s) {
          without(s, "ipc");
        }).find("/linux/sysctl: sysctl 'kernel.msgmax' is not allowed") == 0);
  CHECK(outcome([](Spec& s) { join(s, "uts"); }).empty());
  CHECK(outcome([](Spec& s) { join(s, "user"); }).empty());
  CHECK(outcome([](Spec& s) { s.hostname.assign(65, 'h'); }) == "/hostname: longer than 64 bytes");
}

TEST_CASE("id mappings") {
  CHECK(outcome([](Spec& s) { s.os.gid_mappings.clear(); }) ==
        "/linux/gidMappings: missing; a new user namespace has no ids without it");
  CHECK(outcome([](Spec& s) { s.os.uid_mappings[0].size = 0; }) == "/linux/uidMappings/0: the size is zero");
  CHECK(outcome([](Spec& s) {
          s.os.uid_mappings[0] = {0, 1, UINT32_MAX};
        }) == "/linux/uidMappings/0: goes beyond the highest id, 4294967294");
  CHECK(outcome([](Spec& s) {
          s.os.gid_mappings[0] = {UINT32_MAX, 0, 1};
        }) == "/linux/gidMappings/0: goes beyond the highest id, 4294967294");
  CHECK(outcome([](Spec& s) { s.os.uid_mappings[0] = {0, 0, UINT32_MAX}; }).empty());
}

TEST_CASE("time offsets and network devices") {
  CHECK(outcome([](Spec& s) { s.os.time_offsets[0].clock = "realtime"; }) ==
        "/linux/timeOffsets/realtime: only boottime and monotonic have offsets");
  CHECK(outcome([](Spec& s) { s.os.time_offsets[0].nanoseconds = 1'000'000'000; }) ==
        "/linux/timeOffsets/boottime/nanosecs: a whole second or more");
  for (const char* name : {"", ".", "..", "a/b", "a b", "eth0:1", "%d", "eth%d%d", "eth%dx", "e/%d",
                           "fourteen-lett%d%", "sixteen-letters-", "sixteen-letter%d"}) {
    INFO(name);
    const std::string expected = std::string("/linux/netDevices/eth1: \"") + name + "\" is no interface name";
    CHECK(outcome([&](Spec& s) { s.os.net_devices[0].container_name = name; }) == expected);
  }
  CHECK(outcome([](Spec& s) {
          s.os.net_devices.push_back({"eth2", "lan"});
        }) == "/linux/netDevices/eth2: two interfaces would be called \"lan\"");
  // A template is each time another name; but an interface of the host has a name.
  CHECK(outcome([](Spec& s) {
          s.os.net_devices = {{"eth1", "lan%d"}, {"eth2", "lan%d"}, {"eth3", "letters-are-%d"}};
        }).empty());
  CHECK(outcome([](Spec& s) { s.os.net_devices[0].host_name = "eth%d"; }) ==
        "/linux/netDevices/eth%d: \"eth%d\" is no interface name");
}

TEST_CASE("devices, paths and words of linux") {
  CHECK(outcome([](Spec& s) { s.os.devices[0].path = "dev/x"; }) ==
        "/linux/devices/0/path: not an absolute path");
  CHECK(outcome([](Spec& s) { s.os.devices[0].minor = -1; }) == "/linux/devices/0/minor: not 0 to 1048575");
  CHECK(outcome([](Spec& s) { s.os.devices[0].major = 4096; }) == "/linux/devices/0/major: not 0 to 4095");
  CHECK(outcome([](Spec& s) { s.os.masked_paths.emplace_back("proc/x"); }) ==
        "/linux/maskedPaths/1: not an absolute path");
  CHECK(outcome([](Spec& s) { s.os.readonly_paths.emplace_back(); }) ==
        "/linux/readonlyPaths/1: not an absolute path");
  CHECK(outcome([](Spec& s) { s.os.masked_paths.emplace_back("/proc/.."); }) ==
        "/linux/maskedPaths/1: the container's root can't be masked");
  CHECK(outcome([](Spec& s) { s.os.rootfs_propagation = "rshare"; }) ==
        "/linux/rootfsPropagation: \"rshare\" is none of shared, slave, private and unbindable");
  CHECK(outcome([](Spec& s) { s.os.personality_domain = "BSD"; }) ==
        "/linux/personality/domain: \"BSD\" is neither LINUX nor LINUX32");
  CHECK(outcome([](Spec& s) { s.os.memory_policy_mode = "MPOL_X"; }) ==
        "/linux/memoryPolicy/mode: unknown mode \"MPOL_X\"");
  CHECK(outcome([](Spec& s) { s.os.memory_policy_flags = {"X"}; }) ==
        "/linux/memoryPolicy/flags: unknown flag \"X\"");
  CHECK(outcome([](Spec& s) { s.os.memory_policy_mode.clear(); }) == "/linux/memoryPolicy/mode: missing");
  CHECK(outcome([](Spec& s) { s.os.seccomp->listener_path.clear(); }) ==
        "/linux/seccomp/listenerMetadata: has no listenerPath to be sent to");
  for (const char* file : {"", "..", "../memory.max", "a/b"}) {
    const std::string expected =
        std::string("/linux/resources/unified: \"") + file + "\" is not the name of a cgroup's file";
    CHECK(outcome([&](Spec& s) { s.os.resources.unified[file] = "1"; }) == expected);
  }
}

// spec: config-linux.md#sysctl
TEST_CASE("sysctls outside of the container's namespaces are refused") {
  CHECK(outcome([](Spec& s) {
          s.os.sysctl = {{"kernel.panic", "1"}};
        }).find("/linux/sysctl: sysctl 'kernel.panic' is not allowed") == 0);
  CHECK(outcome([](Spec& s) {
          s.os.sysctl = {{"net.ipv4.x", "1\n2"}};
        }).find("/linux/sysctl: sysctl 'net.ipv4.x' has an invalid name or value") == 0);
  CHECK(outcome([](Spec& s) {
          s.os.sysctl = {{"net/../kernel/panic", "1"}};
        }).find("/linux/sysctl: sysctl 'net/../kernel/panic' has an invalid name") == 0);
}

TEST_CASE("a process is validated alone, below its own pointer") {
  runtime::Process process;
  process.args = {"sh"};
  CHECK(runtime::validate_process(process, ""));
  process.cwd = "x";
  CHECK(runtime::validate_process(process, "").error().text() == "/cwd: not an absolute path");
}
