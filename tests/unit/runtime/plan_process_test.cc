// What a spec says about the process itself, as the process finds it.
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/exec.h"
#include "runtime/launch.h"
#include "security/filter.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

std::string status_line(const std::string& text, const std::string& key) {
  for (const auto& line : split(text, '\n'))
    if (line.starts_with(key + ":")) return std::string(trim(line.substr(key.size() + 1)));
  return "";
}

// An exec in the container of `init`, and what it printed.
std::string exec_output(const runtime::Spec& spec, const ProcessIdentity& init,
                        const runtime::Process& process) {
  auto host = runtime::collect_host_facts();
  REQUIRE(host);
  runtime::ExecRequest request;
  request.spec = &spec;
  request.process = &process;
  request.init = init;
  request.id = "unit";
  auto plan = runtime::make_exec_plan(std::move(request), *host);
  if (!plan) return plan.error().text();
  auto pipe = sys::pipe2(0);
  REQUIRE(pipe);
  // A child launches: it will be in the container's pid namespace with its children, and on other CPUs.
  const pid_t child = ::fork();
  if (child == 0) {
    runtime::LaunchRequest launch;
    launch.plan = &*plan;
    launch.stdio.out = Fd(::dup(pipe->writer.get()));
    auto launched = runtime::launch(std::move(launch));
    if (!launched) (void)write_all(pipe->writer.get(), launched.error().text());
    if (launched && (*launched)->start()) (void)wait_for((*launched)->pidfd.get());
    ::_exit(0);
  }
  pipe->writer.reset();
  std::string out = read_fd(pipe->reader.get()).value();
  const Fd pidfd = sys::pidfd_open(child).value();
  (void)wait_for(pidfd.get());
  return out;
}

}  // namespace

// spec: config.md#process.user.umask
// spec: config.md#process.user.additionalGids
// spec: config.md#process.rlimits
// spec: config.md#process.oomScoreAdj
// spec: config.md#process.noNewPrivileges
// spec: config.md#process.scheduler
// spec: config.md#process.ioPriority
// spec: config.md#process.cwd
// spec: config.md#process.env
TEST_CASE("the process has the ids, limits, scores and directories of the spec") {
  const SmallRootfs rootfs;
  auto spec =
      rootfs.spec({"sh", "-c",
                   "id -u; id -g; id -G; umask; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; "
                   "ionice -p $$; cut -d ' ' -f 19 /proc/self/stat; pwd; echo $WORD; grep -E 'NoNewPrivs' "
                   "/proc/self/status"});
  spec.process.user = {1001, 1002, 027, {5, 6}};
  spec.process.rlimits = {{"RLIMIT_NOFILE", 100, 200, false}};
  spec.process.oom_score_adj = 321;
  spec.process.no_new_privileges = true;
  spec.process.scheduler = runtime::Scheduler{"SCHED_OTHER", 5, 0, {}, 0, 0, 0};
  spec.process.io_priority = runtime::IoPriority{"IOPRIO_CLASS_BE", 6};
  spec.process.cwd = "/made/for/it";
  spec.process.env = {"PATH=/bin", "WORD=two words"};
  const auto output = run_to_end(spec, rootfs);
  CHECK(output.out ==
        "1001\n1002\n1002 5 6\n0027\n100\n200\n321\nbest-effort: prio 6\n5\n/made/for/it\ntwo words\n"
        "NoNewPrivs:\t1\n");
}

// spec: config-linux.md#personality
TEST_CASE("personality LINUX32 names another machine") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"uname", "-m"});
  const std::string usual = run_to_end(spec, rootfs).out;
  spec.os.personality_domain = "LINUX32";
  const auto output = run_to_end(spec, rootfs);
  CHECK(usual == "x86_64\n");
  CHECK(output.out == "i686\n");
}

// spec: config-linux.md#memoryPolicy
TEST_CASE("a memory policy is the kernel's, or its refusal is told") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sh", "-c", "grep -m1 -o 'bind[^ ]*' /proc/self/numa_maps"});
  spec.os.memory_policy_mode = "MPOL_BIND";
  spec.os.memory_policy_nodes = "0";
  spec.os.memory_policy_flags = {"MPOL_F_STATIC_NODES"};
  if (path_exists("/proc/self/numa_maps")) {
    CHECK(run_to_end(spec, rootfs).out == "bind=static:0\n");
    spec.os.memory_policy_nodes = "900";
    CHECK(contains(failure_of(request_of(spec, rootfs)), "set_mempolicy MPOL_BIND of nodes 900"));
  } else {
    CHECK(contains(failure_of(request_of(spec, rootfs)), "built without NUMA"));
  }
  spec.os.memory_policy_nodes = "";
  CHECK(contains(failure_of(request_of(spec, rootfs)), "MPOL_BIND needs nodes"));
}

// spec: config.md#process.apparmorProfile
// spec: config.md#process.selinuxLabel
// spec: config-linux.md#mountLabel
TEST_CASE("a label of a module that the host does not have is an error that names it, and nothing is made") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  const bool has_apparmor = contains(read_file("/sys/module/apparmor/parameters/enabled").value_or("N"), "Y");
  spec.process.apparmor_profile = "vial-no-such-profile";
  CHECK(contains(failure_of(request_of(spec, rootfs)),
                 has_apparmor ? "is not loaded" : "AppArmor is not enabled"));
  spec.process.apparmor_profile = "";
  REQUIRE_FALSE(path_exists("/sys/fs/selinux/enforce"));
  spec.process.selinux_label = "system_u:system_r:container_t:s0";
  CHECK(contains(failure_of(request_of(spec, rootfs)),
                 "selinuxLabel system_u:system_r:container_t:s0: SELinux"));
  spec.process.selinux_label = "";
  spec.os.mount_label = "system_u:object_r:container_file_t:s0";
  CHECK(contains(failure_of(request_of(spec, rootfs)),
                 "mountLabel system_u:object_r:container_file_t:s0: SELinux"));
}

// spec: config.md#process.execCPUAffinity
// spec: config-linux.md#namespaces.exec
TEST_CASE("exec: the container's namespaces and cgroup, and the CPUs that execCPUAffinity says") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sleep", "100"});
  auto host = runtime::collect_host_facts();
  auto plan = runtime::make_plan(request_of(spec, rootfs), *host);
  REQUIRE(plan);
  runtime::LaunchRequest launch;
  launch.plan = &*plan;
  auto launched = runtime::launch(std::move(launch));
  REQUIRE(launched);
  REQUIRE((*launched)->start());
  const auto init = (*launched)->init;
  auto process = spec.process;
  process.args = {"sh", "-c", "cat /proc/1/comm /proc/self/cgroup; hostname; cat /proc/self/status"};
  const std::string usual = exec_output(spec, init, process);
  INFO(usual);
  CHECK(usual.starts_with("sleep\n"));
  CHECK(contains(usual, ":/\nunit\n"));
  const std::string all = status_line(usual, "Cpus_allowed_list");
  process.cpu_affinity_initial = "0";
  CHECK(status_line(exec_output(spec, init, process), "Cpus_allowed_list") == all);
  process.cpu_affinity_final = "0";
  CHECK(status_line(exec_output(spec, init, process), "Cpus_allowed_list") == "0");
  process.cpu_affinity_final = "3-1";
  CHECK(contains(exec_output(spec, init, process), "execCPUAffinity: not a list of CPUs"));
  (void)sys::pidfd_send_signal((*launched)->pidfd.get(), 9);
  (void)wait_for((*launched)->pidfd.get());
  CHECK(runtime::undo_all(runtime::undo_list(*plan)));
}

// spec: config-linux.md#seccomp.listenerPath
// spec: config-linux.md#seccomp.containerProcessState
TEST_CASE("SCMP_ACT_NOTIFY: the agent gets the listener and the state with the host's pid") {
  const SmallRootfs rootfs;
  const std::string path = rootfs.directory() + "/agent.sock";
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  auto spec = rootfs.spec({"true"});
  spec.process.no_new_privileges = true;
  spec.annotations = {{"who", "unit"}};
  security::SeccompFilterSpec filter;
  filter.default_action = "SCMP_ACT_ALLOW";
  filter.rules.push_back({{"mkdir"}, "SCMP_ACT_NOTIFY", std::nullopt, {}});
  filter.listener_path = path;
  filter.listener_metadata = "what the agent knows";
  auto request = request_of(spec, rootfs);
  request.seccomp.push_back(security::compile_filter(filter).value());
  auto host = runtime::collect_host_facts();
  auto plan = runtime::make_plan(std::move(request), *host);
  REQUIRE(plan);
  runtime::LaunchRequest launch;
  launch.plan = &*plan;
  auto launched = runtime::launch(std::move(launch));
  if (!launched) FAIL(launched.error().text());
  REQUIRE((*launched)->start());
  const Fd agent(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(agent);
  std::string text(4096, '\0');
  iovec vector = {text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(agent.get(), &message, MSG_CMSG_CLOEXEC);
  REQUIRE(size > 0);
  REQUIRE(CMSG_FIRSTHDR(&message) != nullptr);
  int received = -1;
  std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  const Fd notifications(received);
  CHECK(sys::readlinkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(received)).c_str()).value() ==
        "anon_inode:seccomp notify");
  text.resize(static_cast<size_t>(size));
  const Json state = parse_json(text).value();
  CHECK(state["fds"] == Json{"seccompFd"});
  CHECK(state["metadata"] == "what the agent knows");
  CHECK(state["pid"] == (*launched)->init.pid);
  CHECK(state["state"]["pid"] == (*launched)->init.pid);
  CHECK(state["state"]["id"] == "unit");
  CHECK(state["state"]["annotations"]["who"] == "unit");
  (void)wait_for((*launched)->pidfd.get());
  CHECK(runtime::undo_all(runtime::undo_list(*plan)));
}
