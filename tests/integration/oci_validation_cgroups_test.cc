// Control groups of config-linux.md: the path, every limit as the kernel's file says it, and that limits
// hold.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"

namespace {

bool is_pure_v2() {
  return path_exists("/sys/fs/cgroup/cgroup.controllers");
}

// Where v2 is mounted: alone, or beside v1's hierarchies with what none of them has.
std::string v2_root() {
  return is_pure_v2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}

bool is_on_v2(const std::string& controller) {
  const auto names = split(trim(read_file(v2_root() + "/cgroup.controllers").value_or("")), ' ');
  return std::find(names.begin(), names.end(), controller) != names.end();
}

// A file of the container's cgroup on this host: where `controller` is, on v1 or on v2.
std::string cgroup_file(const OciBundle& oci, const std::string& controller, const std::string& v1,
                        const std::string& v2) {
  const bool on_v2 = is_pure_v2() || is_on_v2(controller);  // where its name may be another
  const std::string path = on_v2 ? v2_root() + "/" + oci.id() + "/" + v2
                                 : "/sys/fs/cgroup/" + controller + "/" + oci.id() + "/" + v1;
  const auto text = read_file(path);
  return text ? std::string(trim(*text)) : "no " + path;
}

// Runtimes remove the container's own cgroup; its parents may serve the next one and stay.
void remove_parents(const OciBundle& oci, const std::string& inner) {
  for (const auto& path : oci.cgroups()) {
    (void)::rmdir((path + "/" + inner).c_str());
    (void)::rmdir(path.c_str());
  }
}

Json& resources(OciBundle& oci) {
  return oci.spec["linux"]["resources"];
}

}  // namespace

// spec: config-linux.md#cgroups-path an absolute path MUST be taken relative to the cgroups mount point
TEST_CASE("a container is in the cgroup of its path") {
  OciBundle oci;
  oci.spec["linux"]["cgroupsPath"] = "/" + oci.id() + "/deep/er";
  oci.launch({"sleep", "100"});
  const std::string pid = std::to_string(oci.state()["pid"].get<int>());
  const std::string lines = read_file("/proc/" + pid + "/cgroup").value_or("");
  INFO(lines);
  CHECK(lines.find(":/" + oci.id() + "/deep/er\n") != std::string::npos);
  oci.remove();
  remove_parents(oci, "deep");
}

// spec: config-linux.md#cgroups-path if not specified, the runtime MAY define the default; a relative path
// MAY be anywhere
TEST_CASE("a container without a path of cgroups, or with a relative one, has a cgroup of its own") {
  OciBundle oci;
  SECTION("none") {
    oci.spec["linux"].erase("cgroupsPath");
  }
  SECTION("relative") {
    oci.spec["linux"]["cgroupsPath"] = oci.id() + "/relative";
  }
  oci.launch({"sleep", "100"});
  CHECK_FALSE(oci.cgroups().empty());
  oci.remove();
  remove_parents(oci, "relative");
}

// spec: config-linux.md#memory limit, reservation, swap
TEST_CASE("memory limits are written") {
  OciBundle oci;
  resources(oci)["memory"] = {{"limit", 64U << 20U}, {"reservation", 32U << 20U}};
  oci.launch({"sleep", "100"});
  CHECK(cgroup_file(oci, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(64U << 20U));
  CHECK(cgroup_file(oci, "memory", "memory.soft_limit_in_bytes", "memory.low") == std::to_string(32U << 20U));
  oci.remove();
}

TEST_CASE("a container that uses more memory than it may is killed") {
  OciBundle oci;
  resources(oci)["memory"] = {{"limit", 32U << 20U}};
  CHECK(oci.run({"/probe", "eat-memory", "16"}).code == 0);
  CHECK(oci.shell("/probe eat-memory 100; echo $?").out.find("137\n") != std::string::npos);
}

// spec: config-linux.md#cpu shares, quota, period, cpus, mems
TEST_CASE("limits of processor time are written") {
  OciBundle oci;
  resources(oci)["cpu"] = {
      {"shares", 512}, {"quota", 20000}, {"period", 50000}, {"cpus", "0"}, {"mems", "0"}};
  oci.launch({"sleep", "100"});
  if (is_pure_v2()) {
    CHECK(cgroup_file(oci, "cpu", "", "cpu.max") == "20000 50000");
    const std::string weight = cgroup_file(oci, "cpu", "", "cpu.weight");
    CHECK((weight == "20" || weight == "59"));  // two ways to convert 512 shares are in use
  } else {
    CHECK(cgroup_file(oci, "cpu", "cpu.cfs_quota_us", "") == "20000");
    CHECK(cgroup_file(oci, "cpu", "cpu.cfs_period_us", "") == "50000");
    CHECK(cgroup_file(oci, "cpu", "cpu.shares", "") == "512");
  }
  CHECK(cgroup_file(oci, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0");
  CHECK(cgroup_file(oci, "cpuset", "cpuset.mems", "cpuset.mems") == "0");
  const std::string pid = std::to_string(oci.state()["pid"].get<int>());
  CHECK(read_file("/proc/" + pid + "/status").value_or("").find("Cpus_allowed_list:\t0\n") !=
        std::string::npos);
  oci.remove();
}

// spec: config-linux.md#pids limit
TEST_CASE("the limit of processes is written and holds") {
  OciBundle oci;
  resources(oci)["pids"] = {{"limit", 10}};
  oci.launch({"sleep", "100"});
  CHECK(cgroup_file(oci, "pids", "pids.max", "pids.max") == "10");
  oci.remove();
  CHECK(oci.run({"/probe", "fork", "30"}).code != 0);
}

// spec: config-linux.md#block-io weight and throttles
TEST_CASE("limits of input and output are written") {
  OciBundle oci;
  const auto disks = list_directory("/sys/block").value_or({});
  REQUIRE_FALSE(disks.empty());
  const std::string line(trim(read_file("/sys/block/" + disks.back() + "/dev").value_or("")));
  const auto numbers = split(line, ':');
  resources(oci)["blockIO"]["throttleWriteBpsDevice"] = Json::array(
      {{{"major", *parse_uint(numbers[0])}, {"minor", *parse_uint(numbers[1])}, {"rate", 2U << 20U}}});
  oci.launch({"sleep", "100"});
  const std::string text = cgroup_file(oci, "blkio", "blkio.throttle.write_bps_device", "io.max");
  INFO(text);
  CHECK(text.starts_with(line + " "));
  CHECK(text.find(std::to_string(2U << 20U)) != std::string::npos);
  oci.remove();
}

// spec: config-linux.md#cgroup-ownership.user the owner SHOULD change if and only if it is mounted read/write
TEST_CASE("a cgroup that is mounted to be written belongs to the container's user, its limits do not") {
  const bool is_writable = GENERATE(true, false);
  OciBundle oci;
  oci.spec["linux"]["namespaces"].push_back({{"type", "user"}});
  oci.spec["linux"]["namespaces"].push_back({{"type", "cgroup"}});
  for (const char* maps : {"uidMappings", "gidMappings"})
    oci.spec["linux"][maps] = Json::array({{{"containerID", 0}, {"hostID", 100'000}, {"size", 65'536}}});
  oci.spec["mounts"].push_back({{"destination", "/sys/fs/cgroup"},
                                {"type", "cgroup"},
                                {"source", "cgroup"},
                                {"options", Json::array({is_writable ? "rw" : "ro"})}});
  oci.launch({"sleep", "100"});
  const uid_t owner = is_writable && is_pure_v2() ? 100'000 : 0;
  for (const auto& path : oci.cgroups()) {
    INFO(path);
    struct stat info = {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK(info.st_uid == owner);
    REQUIRE(::stat((path + "/cgroup.procs").c_str(), &info) == 0);
    CHECK(info.st_uid == owner);
    if (::stat((path + "/pids.max").c_str(), &info) == 0) CHECK(info.st_uid == 0);
  }
  const Outcome made = oci.call({"exec", oci.id(), "mkdir", "/sys/fs/cgroup/own"});
  if (is_pure_v2()) CHECK((made.code == 0) == is_writable);
  (void)oci.call({"exec", oci.id(), "rmdir", "/sys/fs/cgroup/own"});
  oci.remove();
}

// spec: config-linux.md#huge-page-limits pageSize, limit
TEST_CASE("the limit of huge pages is written") {
  OciBundle oci;
  resources(oci)["hugepageLimits"] = Json::array({{{"pageSize", "2MB"}, {"limit", 4U << 20U}}});
  if (!is_on_v2("hugetlb") &&
      !path_exists("/sys/fs/cgroup/hugetlb/tasks")) {  // then it is an error that names it, and nothing else
    const Outcome refused = oci.create({"sleep", "100"});
    CHECK(refused.code != 0);
    CHECK(refused.err.find("hugetlb") != std::string::npos);
    return;
  }
  oci.launch({"sleep", "100"});
  CHECK(cgroup_file(oci, "hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max") ==
        std::to_string(4U << 20U));
  oci.remove();
}

// spec: config-linux.md#unified files of a v2 cgroup by name; the runtime MUST generate an error when one
// can't be applied
TEST_CASE("unified writes any file of a v2 cgroup") {
  OciBundle oci;
  if (is_pure_v2()) {
    resources(oci)["unified"] = {{"memory.high", std::to_string(48U << 20U)}, {"pids.max", "77"}};
    oci.launch({"sleep", "100"});
    CHECK(cgroup_file(oci, "", "", "memory.high") == std::to_string(48U << 20U));
    CHECK(cgroup_file(oci, "", "", "pids.max") == "77");
    oci.remove();
  }
  if (!is_vial_oci()) return;  // crun leaves its cgroups behind when it refuses these
  resources(oci)["unified"] = {{"../escape.max", "1"}};
  CHECK(oci.run({"true"}).code != 0);
  resources(oci)["unified"] = {{"nosuch.file", "1"}};
  CHECK(oci.run({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}

// spec: config-linux.md#device-whitelist-controller entries are applied in order
TEST_CASE("devices may be used as the rules say") {
  OciBundle oci;
  for (const char* set : {"bounding", "effective", "permitted"})
    oci.spec["process"]["capabilities"][set].push_back("CAP_MKNOD");
  oci.spec["linux"]["devices"] = Json::array(
      {{{"type", "c"}, {"path", "/dev/other"}, {"major", 10}, {"minor", 229}, {"fileMode", 0666}}});
  const Words open = {"/probe", "try", "open:/dev/other", "open:/dev/null"};
  resources(oci)["devices"] = Json::array({{{"allow", false}, {"access", "rwm"}}});
  const auto denied = parse_json(oci.run(open).out);
  REQUIRE(denied);
  CHECK((*denied)["open:/dev/other"] == "EPERM");
  CHECK((*denied)["open:/dev/null"] == "ok");  // the default devices are always allowed
  resources(oci)["devices"].push_back(
      {{"allow", true}, {"type", "c"}, {"major", 10}, {"minor", 229}, {"access", "rw"}});
  const auto allowed = parse_json(oci.run(open).out);
  REQUIRE(allowed);
  CHECK((*allowed)["open:/dev/other"] != "EPERM");  // fuse: there or not, it is the driver that answers
}

TEST_CASE("a bundle without device rules may use the default devices and no others") {
  if (!is_vial_oci()) return;  // crun 1.8.1 refuses nothing then
  OciBundle oci;
  oci.spec["linux"]["devices"] = Json::array(
      {{{"type", "c"}, {"path", "/dev/other"}, {"major", 10}, {"minor", 229}, {"fileMode", 0666}}});
  const Words open = {"/probe", "try", "open:/dev/other", "open:/dev/null"};
  for (const char* left_out : {"its rules", "its list", "its resources"}) {
    INFO("without " << left_out);
    if (left_out == std::string_view("its rules")) {
      resources(oci)["devices"] = Json::array();
    } else if (left_out == std::string_view("its list")) {
      resources(oci).erase("devices");
    } else {
      oci.spec["linux"].erase("resources");
    }
    const auto tried = parse_json(oci.run(open).out);
    REQUIRE(tried);
    CHECK((*tried)["open:/dev/other"] == "EPERM");
    CHECK((*tried)["open:/dev/null"] == "ok");
  }
}

// spec: runtime.md#update limits of a running container change
TEST_CASE("update changes limits of a running container") {
  OciBundle oci;
  resources(oci)["memory"] = {{"limit", 64U << 20U}};
  resources(oci)["pids"] = {{"limit", 20}};
  oci.launch({"sleep", "100"});
  const Outcome flags = oci.call({"update", "--memory", std::to_string(96U << 20U), oci.id()});
  INFO(flags.err);
  CHECK(flags.code == 0);
  CHECK(cgroup_file(oci, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(96U << 20U));
  REQUIRE(create_file(oci.directory() + "/new.json", R"({"pids": {"limit": 33}})"));
  const Outcome file = oci.call({"update", "--resources", oci.directory() + "/new.json", oci.id()});
  INFO(file.err);
  CHECK(file.code == 0);
  CHECK(cgroup_file(oci, "pids", "pids.max", "pids.max") == "33");
  CHECK(cgroup_file(oci, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(96U << 20U));
  oci.remove();
}

// spec: runtime.md#state a paused container's state
TEST_CASE("pause stops every process, resume lets them go on") {
  OciBundle oci;
  oci.launch({"sh", "-c", "while :; do echo tick; sleep 0.02; done"});
  CHECK(oci.call({"pause", oci.id()}).code == 0);
  CHECK(oci.status() == "paused");
  const std::string before = oci.output();
  CHECK(oci.call({"state", oci.id()}).code == 0);
  CHECK(oci.output() == before);
  CHECK(oci.call({"resume", oci.id()}).code == 0);
  CHECK(oci.status() == "running");
  CHECK(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  REQUIRE(oci.becomes("stopped"));
  oci.remove();
}
