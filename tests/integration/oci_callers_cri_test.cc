// Kubernetes' way to a container: pods, what their containers share, limits, and what a kubelet is told of an
// end.
#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_cri.h"

namespace {

constexpr int64_t kMebibyte = 1 << 20;

std::string memory_limit(const Cri& cri, const std::string& container) {
  return cri.rig().cgroup_file(container, "memory", "memory.limit_in_bytes", "memory.max");
}

void stop(Cri& cri, const std::string& container, int seconds) {
  cri.must("StopContainer", {{"containerId", container}, {"timeout", seconds}});
}

// A directory of the host's whose mounts are shared with whoever asks for it.
class SharedDirectory {
 public:
  explicit SharedDirectory(std::string path) : path_(std::move(path)) {
    REQUIRE(make_directories(path_ + "/below", 0755));
    REQUIRE(::mount(path_.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr) == 0);
    REQUIRE(::mount(nullptr, path_.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  }
  ~SharedDirectory() { (void)::umount2(path_.c_str(), MNT_DETACH); }
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("a pod's containers share its network, name and kernel parameters") {
  Cri cri;
  Pod pod(cri, {{"sysctls", {{"net.ipv4.ip_forward", "1"}, {"kernel.shm_rmid_forced", "1"}}}});
  const Json status = cri.must("PodSandboxStatus", {{"podSandboxId", pod.id()}})["status"];
  CHECK(status["state"] == "SANDBOX_READY");
  const std::string address = status["network"]["ip"];
  CHECK(address.starts_with("10.86.0."));

  const std::string container = pod.start("a", {"sh", "-c", "echo out; echo err >&2; exec sleep 1000"}, {},
                                          {{"envs", {{{"key", "A"}, {"value", "b"}}}}});
  CHECK(
      within(kPatience, [&] { return contains(pod.log("a"), "out\n") && contains(pod.log("a"), "err\n"); }));
  const Outcome seen =
      pod.exec(container, {"sh", "-c",
                           "hostname; echo $A; cat /etc/resolv.conf /proc/sys/net/ipv4/ip_forward "
                           "/proc/sys/kernel/shm_rmid_forced; exit 3"});
  CHECK(seen.code == 3);
  CHECK(contains(seen.out, "\nb\nnameserver 192.0.2.53\n1\n1\n"));
  CHECK(contains(pod.exec(container, {"ip", "-o", "addr"}).out, address + "/"));
  CHECK(pod.exec(container, {"ping", "-c", "1", "-W", "5", "10.86.0.1"}).code == 0);
  const std::string other = pod.start("b", {"sh", "-c", "hostname; ip -o addr; echo end"});
  CHECK(pod.end_of(other)["exitCode"] == 0);
  CHECK(contains(pod.log("b"), address + "/"));
  CHECK(pod.log("b").starts_with(split(seen.out, '\n').front() + "\n"));
}

TEST_CASE("a kubelet looks after a container") {
  Cri cri;
  Pod pod(cri, Json::object());
  const std::string container =
      pod.start("a", {"sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done"},
                {{"resources", {{"memoryLimitInBytes", 96 * kMebibyte}, {"cpuShares", 512}}}});
  CHECK(memory_limit(cri, container) == std::to_string(96 * kMebibyte));
  cri.must("UpdateContainerResources", {{"containerId", container},
                                        {"linux",
                                         {{"memoryLimitInBytes", 64 * kMebibyte},
                                          {"cpuPeriod", 100000},
                                          {"cpuQuota", 50000},
                                          {"cpusetCpus", "0"}}}});
  CHECK(memory_limit(cri, container) == std::to_string(64 * kMebibyte));
  const std::string quota = cri.rig().cgroup_file(container, "cpu", "cpu.cfs_quota_us", "cpu.max");
  CHECK(quota.starts_with("50000"));
  const Json stats = cri.must("ContainerStats", {{"containerId", container}})["stats"];
  CHECK(stats["memory"]["workingSetBytes"]["value"] != "0");

  const Json slow = {{"containerId", container}, {"cmd", {"sleep", "987"}}, {"timeout", 1}};
  CHECK(contains(cri.refusal("ExecSync", slow), "timeout 1s exceeded"));
  CHECK(pod.exec(container, {"sh", "-c", "ps | grep -q '[s]leep 987'"}).code == 1);
  const Json missing = {{"containerId", container}, {"cmd", {"/no/such"}}, {"timeout", 1}};
  CHECK(contains(cri.refusal("ExecSync", missing), "stat /no/such: no such file or directory"));
  stop(cri, container, kPatience);
  CHECK(pod.status(container)["exitCode"] == 5);
  cri.must("RemoveContainer", {{"containerId", container}});
}

TEST_CASE("a kubelet is told why a container ended or could not start") {
  Cri cri;
  Pod pod(cri, Json::object());
  const Json failed = pod.end_of(pod.start("a", {"sh", "-c", "exit 7"}));
  CHECK(failed["exitCode"] == 7);
  CHECK(failed["reason"] == "Error");
  const std::string eater =
      pod.start("eater", {"tail", "/dev/zero"}, {{"resources", {{"memoryLimitInBytes", 32 * kMebibyte}}}});
  const Json eaten = pod.end_of(eater);
  CHECK(eaten["exitCode"] == 137);
  CHECK(eaten["reason"] == "OOMKilled");
  const std::string missing = pod.create("missing", {"/no/such"});
  CHECK(contains(cri.refusal("StartContainer", {{"containerId", missing}}),
                 "exec: \"/no/such\": stat /no/such: no such file or directory"));
  CHECK(pod.status(missing)["reason"] == "StartError");
  const std::string stubborn =
      pod.start("stubborn", {"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"});
  stop(cri, stubborn, 1);
  CHECK(pod.status(stubborn)["exitCode"] == 137);
}

TEST_CASE("a pod's security context holds") {
  Cri cri;
  Pod pod(cri, Json::object());
  const Json context = {
      {"runAsUser", {{"value", 1000}}},
      {"runAsGroup", {{"value", 1001}}},
      {"supplementalGroups", {5, 6}},
      {"readonlyRootfs", true},
      {"noNewPrivs", true},
      {"seccomp", {{"profileType", "RuntimeDefault"}}},
      {"maskedPaths", {"/proc/cpuinfo"}},
      {"readonlyPaths", {"/proc/sys"}},
      {"capabilities", {{"dropCapabilities", {"ALL"}}, {"addCapabilities", {"NET_BIND_SERVICE"}}}}};
  const std::string container = pod.start(
      "a",
      {"sh", "-c",
       "exec 2>&1; id -u; id -g; id -G; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; cat "
       "/proc/cpuinfo; "
       "touch /x; cat /proc/self/oom_score_adj; head -c 2 /dev/two | wc -c"},
      {{"securityContext", context}, {"resources", {{"oomScoreAdj", 999}}}},
      {{"devices", {{{"containerPath", "/dev/two"}, {"hostPath", "/dev/zero"}, {"permissions", "r"}}}}});
  CHECK(pod.end_of(container)["exitCode"] == 0);
  const std::string log = pod.log("a");
  INFO(log);
  CHECK(log.starts_with("1000\n1001\n1001 5 6\nCapBnd:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n"));
  CHECK(contains(log, "touch: /x: Read-only file system\n"));
  CHECK(contains(log, "\n999\n2\n"));
  const std::string terminal = pod.start("t", {"tty"}, Json::object(), {{"tty", true}});
  CHECK(pod.end_of(terminal)["exitCode"] == 0);
  CHECK(contains(pod.log("t"), "/dev/pts/0"));
}

TEST_CASE("containers of a pod share processes when it says so, or look at one another's") {
  Cri cri;
  const Json shared = {{"securityContext", {{"namespaceOptions", {{"pid", "POD"}}}}}};
  Pod pod(cri, shared);
  const std::string first = pod.start("a", {"sleep", "1001"}, shared);
  const std::string second = pod.start("b", {"sleep", "1002"}, shared);
  CHECK(contains(pod.exec(second, {"ps"}).out, "sleep 1001"));
  stop(cri, first, 0);
  CHECK(pod.status(first)["exitCode"] == 137);
  CHECK(pod.status(second)["state"] == "CONTAINER_RUNNING");
  CHECK(!contains(pod.exec(second, {"ps"}).out, "sleep 1001"));

  Pod apart(cri, Json::object());
  const std::string target = apart.start("target", {"sleep", "1003"});
  const Json targeted = {
      {"securityContext", {{"namespaceOptions", {{"pid", "TARGET"}, {"targetId", target}}}}}};
  CHECK(apart.end_of(apart.start("debug", {"ps"}, targeted))["exitCode"] == 0);
  CHECK(contains(apart.log("debug"), "sleep 1003"));
  CHECK(!contains(apart.log("debug"), "sleep 1002"));
}

TEST_CASE("a privileged pod of the node's namespaces mounts for the host") {
  Cri cri;
  const SharedDirectory shared(cri.rig().directory() + "/shared");
  const Json node = {{"securityContext",
                      {{"privileged", true},
                       {"namespaceOptions", {{"network", "NODE"}, {"pid", "NODE"}, {"ipc", "NODE"}}}}}};
  Pod pod(cri, node);
  const Json mounts = {
      {{"containerPath", "/w"}, {"hostPath", shared.path()}, {"propagation", "BIDIRECTIONAL"}}};
  const std::string container =
      pod.start("a",
                {"sh", "-c",
                 "grep Seccomp: /proc/self/status; mount -t tmpfs inside /w/below && echo > /w/below/file; "
                 "[ -c /dev/kmsg ] && [ -d /proc/" +
                     std::to_string(::getpid()) + " ]"},
                node, {{"mounts", mounts}});
  CHECK(pod.end_of(container)["exitCode"] == 0);
  CHECK(contains(pod.log("a"), "Seccomp:\t0\n"));
  CHECK(path_exists(shared.path() + "/below/file"));
  CHECK(::umount2((shared.path() + "/below").c_str(), MNT_DETACH) == 0);
}

// For the emulated machine, without a network of its own.
TEST_CASE("a pod, in brief", "[brief]") {
  Cri cri;
  const Json node = {
      {"securityContext", {{"namespaceOptions", {{"network", "NODE"}, {"pid", "CONTAINER"}}}}}};
  Pod pod(cri, node);
  const std::string container = pod.start("a", {"sleep", "1000"},
                                          {{"securityContext", node["securityContext"]},
                                           {"resources", {{"memoryLimitInBytes", 64 * kMebibyte}}}});
  CHECK(memory_limit(cri, container) == std::to_string(64 * kMebibyte));
  CHECK(pod.exec(container, {"sh", "-c", "exit 9"}).code == 9);
  stop(cri, container, 0);
  CHECK(pod.status(container)["exitCode"] == 137);
}
