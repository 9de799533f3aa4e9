// What a container sees of its root, its names, its terminal and its cgroups, and which system calls answer.
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/group.h"
#include "cgroups/layout.h"
#include "runtime/launch.h"
#include "runtime/views.h"
#include "security/filter.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

// What a container with a terminal wrote on it.
std::string terminal_output(const runtime::Spec& spec, const SmallRootfs& rootfs) {
  auto plan = runtime::make_plan(request_of(spec, rootfs), runtime::collect_host_facts().value());
  REQUIRE(plan);
  runtime::LaunchRequest launch;
  launch.plan = &*plan;
  auto launched = runtime::launch(std::move(launch));
  if (!launched) FAIL(launched.error().text());
  REQUIRE((*launched)->start());
  std::string out;
  std::string buffer(4096, '\0');
  for (;;) {
    const ssize_t count = ::read((*launched)->console_master.get(), buffer.data(), buffer.size());
    if (count <= 0) break;  // EIO: the last slave is closed
    out.append(buffer, 0, static_cast<size_t>(count));
  }
  (void)wait_for((*launched)->pidfd.get());
  CHECK(runtime::undo_all(runtime::undo_list(*plan)));
  return out;
}

void drop_namespace(runtime::Spec& spec, const std::string& type) {
  std::erase_if(spec.os.namespaces, [&](const auto& entry) { return entry.type == type; });
}

std::string run_with_filter(const SmallRootfs& rootfs, const security::SeccompFilterSpec& filter,
                            const std::string& script) {
  const auto spec = rootfs.spec({"sh", "-c", script});
  auto request = request_of(spec, rootfs);
  auto program = security::compile_filter(filter);
  if (!program) FAIL(program.error().text());
  request.seccomp.push_back(std::move(*program));
  const auto output = run_request(std::move(request));
  return output.out + "code " + std::to_string(output.code);
}

}  // namespace

// spec: config.md#root.path
// spec: bundle.md#rootfs
// spec: config.md#root.readonly
TEST_CASE("the root is taken from the bundle, and is read-only when that is asked for") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sh", "-c", "ls /bin/sh; touch /x 2>&1; touch /dev/x && echo written"});
  spec.root.path = "rootfs";
  CHECK(run_to_end(spec, rootfs).out == "/bin/sh\nwritten\n");
  spec.root.readonly = true;
  CHECK(run_to_end(spec, rootfs).out == "/bin/sh\ntouch: /x: Read-only file system\nwritten\n");
  spec.root.path = "nothing";
  CHECK(contains(failure_of(request_of(spec, rootfs)), "/nothing: No such file or directory"));
  spec.root.path = "";
  CHECK(contains(failure_of(request_of(spec, rootfs)), "/root/path: missing"));
}

// spec: config.md#mounts.type
// spec: config.md#mounts.options.filesystem
// spec: config.md#mounts.options.propagation
TEST_CASE("mounts have their type, their file system's options and their propagation") {
  const SmallRootfs rootfs;
  const std::string source = rootfs.directory() + "/data";
  REQUIRE(make_directories(source, 0755));
  REQUIRE(create_file(source + "/file", "x", 0644));
  auto spec = rootfs.spec({"sh", "-c", "ls /none; grep -E ' /(t|p|s|u|none) ' /proc/self/mountinfo"});
  spec.mounts.push_back({"/none", "none", source, {"bind"}, {}, {}});
  spec.mounts.push_back({"/t", "tmpfs", "tmpfs", {"size=3m", "mode=701", "noexec", "sync"}, {}, {}});
  spec.mounts.push_back({"/p", "bind", source, {"rbind", "rprivate"}, {}, {}});
  spec.mounts.push_back({"/s", "bind", source, {"rbind", "rshared"}, {}, {}});
  spec.mounts.push_back({"/u", "bind", source, {"bind", "unbindable"}, {}, {}});
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(output.out.starts_with("file\n"));
  for (const auto& line : split(output.out, '\n')) {
    if (contains(line, " /t ")) CHECK(contains(line, "noexec"));
    if (contains(line, " /t ")) CHECK(contains(line, "size=3072k,mode=701"));
    CHECK(contains(line, "shared:") == contains(line, " /s "));
    CHECK(contains(line, "unbindable") == contains(line, " /u "));
  }
}

// spec: config.md#process.terminal
// spec: config.md#process.consoleSize
TEST_CASE("a terminal is all three streams and /dev/console, of the size that was asked for") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec(
      {"sh", "-c",
       "stty size; tty; stat -c %t:%T /dev/console /proc/self/fd/2 -L; ls -l /dev/ptmx | grep -c pts/ptmx"});
  spec.process.terminal = true;
  spec.process.console_height = 33;
  spec.process.console_width = 111;
  const std::string out = terminal_output(spec, rootfs);
  INFO(out);
  const auto lines = split(out, '\n');
  REQUIRE(lines.size() > 4);
  CHECK(lines[0] == "33 111\r");
  CHECK(lines[1].starts_with("/dev/"));
  CHECK(lines[2].starts_with("88:"));  // a pty's slave
  CHECK(lines[2] == lines[3]);
  CHECK(lines[4] == "1\r");
  // Without a terminal the size means nothing.
  spec.process.terminal = false;
  spec.process.args = {"sh", "-c", "test -e /dev/console || echo none"};
  CHECK(run_to_end(spec, rootfs).out == "none\n");
}

// spec: config.md#domainname
// spec: runtime-linux.md#dev-links
TEST_CASE("the domain name, and the links of /dev") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec(
      {"sh", "-c",
       "cat /proc/sys/kernel/domainname; for n in fd stdin stdout stderr ptmx; do readlink /dev/$n; done"});
  spec.domainname = "example.test";
  CHECK(run_to_end(spec, rootfs).out ==
        "example.test\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
}

// spec: config-linux.md#namespaces.absent
TEST_CASE("a namespace that is not listed is the caller's") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec(
      {"sh", "-c", "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/user"});
  drop_namespace(spec, "network");
  drop_namespace(spec, "ipc");
  std::string expected;
  for (const char* name : {"net", "ipc", "user"})
    expected += sys::readlinkat(AT_FDCWD, (std::string("/proc/self/ns/") + name).c_str()).value() + "\n";
  CHECK(run_to_end(spec, rootfs).out == expected);
}

TEST_CASE("the cgroup mount: read-only or not, with and without a cgroup namespace") {
  const SmallRootfs rootfs;
  const auto facts = runtime::collect_host_facts().value();
  const bool pure = facts.cgroups.is_pure_v2();
  const std::string below =
      pure ? "" : "/" + (facts.cgroups.v2_mount_point.empty() ? "pids" : std::string("unified"));
  const std::string directory = "/sys/fs/cgroup" + below;
  auto spec = rootfs.spec({"sh", "-c",
                           "mkdir " + directory + "/sub 2>/dev/null && echo made; rmdir " + directory +
                               "/sub 2>/dev/null; grep -c . " + directory + "/cgroup.procs; ls -d " +
                               directory + "$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.procs"});
  const bool own = GENERATE(true, false);
  if (!own) drop_namespace(spec, "cgroup");
  CHECK_FALSE(contains(run_to_end(spec, rootfs).out, "made"));
  for (auto& mount : spec.mounts)
    if (mount.type == "cgroup") mount.options = {"nosuid", "noexec", "nodev"};
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  CHECK(contains(output.out, "made\n"));
  // The path in /proc/self/cgroup is one that is there, but beside v1 nobody sees the host's other cgroups.
  CHECK(contains(output.out, "/cgroup.procs\n") == (own || pure));
}

TEST_CASE("v1's cgroups are made while the init mounts, if nobody looks at them before") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  spec.os.cgroups_path = "/vial-unit/late";
  spec.os.resources.memory.limit_bytes = 64 << 20;
  runtime::HostFacts host;
  host.cgroups = cgroups::parse_layout(
                     "31 1 0:31 / /cg/memory rw - cgroup cgroup rw,memory\n"
                     "32 1 0:32 / /cg/unified rw - cgroup2 cgroup2 rw\n",
                     "4:memory:/\n0::/\n", "hugetlb\n")
                     .value();
  // The places of these in the plan, in this order.
  const auto order_of = [&](runtime::PlanRequest request, const std::vector<std::string>& wanted) {
    const auto plan = runtime::make_plan(std::move(request), host);
    if (!plan) FAIL(plan.error().text());
    std::vector<std::string> found;
    for (const StepPtr& step : *plan) {
      for (const std::string& name : wanted)
        if (step->name() == name) found.push_back(name);
    }
    // Whatever the order: v2's kill empties the group in all hierarchies.
    CHECK(runtime::undo_list(*plan) == std::vector<Undo>{{"cgroup", "/cg/unified/vial-unit/late"},
                                                         {"cgroup", "/cg/memory/vial-unit/late"}});
    return found;
  };
  const std::string make_v1 = "create cgroup /vial-unit/late on v1";
  const std::string make_v2 = "create cgroup /vial-unit/late on v2";
  const std::string clone = "clone the init into its namespaces";
  const std::string join = "join cgroup /vial-unit/late on v1";
  const std::string mount = "mount proc on /proc";
  const std::string show = "show the container its cgroups";
  const std::vector<std::string> late = {
      make_v2, clone, make_v1, "limit memory", mount, "wait for the host", join, "new cgroup namespace",
      show};
  CHECK(order_of(request_of(spec, rootfs), late) == late);
  const std::vector<std::string> early = {make_v2, make_v1, "limit memory", clone, join, mount, show};
  auto with_hook = spec;
  with_hook.hooks.create_runtime.emplace_back().path = "/bin/true";
  CHECK(order_of(request_of(with_hook, rootfs), early) == early);
  auto with_path = spec;
  with_path.os.namespaces[0].path = "/proc/1/ns/" + with_path.os.namespaces[0].type;
  CHECK(order_of(request_of(with_path, rootfs), early) == early);
  auto with_user = spec;
  with_user.os.namespaces.push_back({"user", ""});
  with_user.os.uid_mappings = with_user.os.gid_mappings = {{0, 100000, 65536}};
  CHECK(order_of(request_of(with_user, rootfs), early) == early);
  auto with_copy = spec;
  with_copy.mounts.push_back({"/etc", "tmpfs", "tmpfs", {"tmpcopyup"}, {}, {}});
  CHECK(order_of(request_of(with_copy, rootfs), early) == early);
  // Nothing to show them in: before the pivot, after which the host's are out of reach.
  std::erase_if(spec.mounts, [](const auto& one) { return one.type == "cgroup"; });
  const std::vector<std::string> unseen = {clone, make_v1, mount, join};
  CHECK(order_of(request_of(spec, rootfs), unseen) == unseen);
}

TEST_CASE("a mount of cgroup2 is v2's hierarchy, also beside v1") {
  const auto facts = runtime::collect_host_facts().value();
  if (facts.cgroups.v2_mount_point.empty()) return;  // v1's hosts have none to show
  const SmallRootfs rootfs;
  auto spec = rootfs.spec(
      {"sh", "-c",
       "grep ' /sys/fs/cgroup' /proc/self/mountinfo | sed 's/.* - //' | cut -d ' ' -f 1;"
       "grep -c . /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/x 2>/dev/null || echo fixed"});
  for (auto& mount : spec.mounts)
    if (mount.type == "cgroup") mount.type = "cgroup2";
  const std::string out = run_to_end(spec, rootfs).out;
  INFO(out);
  CHECK(out.starts_with("cgroup2\n"));
  CHECK(out.ends_with("fixed\n"));
}

TEST_CASE("every mount of the cgroup view has its attributes") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec(
      {"sh", "-c", "grep /sys/fs/cgroup /proc/self/mountinfo | cut -d ' ' -f 6 | cut -d , -f 1-4 | sort -u"});
  CHECK(run_to_end(spec, rootfs).out == "ro,nosuid,nodev,noexec\n");
  for (auto& mount : spec.mounts)
    if (mount.type == "cgroup") mount.options = {"nosuid", "noexec", "nodev"};
  CHECK(run_to_end(spec, rootfs).out == "rw,nosuid,nodev,noexec\n");
}

// spec: config-linux.md#seccomp.actions
// spec: config-linux.md#seccomp.errnoRet
TEST_CASE("every action of seccomp is taken by the kernel, with its errno") {
  const SmallRootfs rootfs;
  security::SeccompFilterSpec filter;
  filter.default_action = "SCMP_ACT_ALLOW";
  filter.rules.push_back({{"mkdir"}, "", 95U, {}});
  const auto result_of = [&](const std::string& action) {
    filter.rules[0].action = action;
    filter.rules[0].errno_return = action == "SCMP_ACT_ERRNO" ? std::optional<uint32_t>(95) : std::nullopt;
    return run_with_filter(rootfs, filter, "mkdir /made 2>&1; echo $?; rmdir /made 2>/dev/null");
  };
  CHECK(contains(result_of("SCMP_ACT_ERRNO"), "Operation not supported\n1\n"));
  for (const char* action :
       {"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"}) {
    INFO(action);
    CHECK(contains(result_of(action), "159\n"));  // 128 + SIGSYS
  }
  CHECK(contains(result_of("SCMP_ACT_ALLOW"), "0\n"));
  CHECK(contains(result_of("SCMP_ACT_LOG"), "0\n"));
  CHECK(contains(result_of("SCMP_ACT_TRACE"), "Function not implemented\n1\n"));  // nobody traces
  filter.rules.clear();
  filter.default_action = "SCMP_ACT_ERRNO";
  filter.default_errno_return = 40;
  filter.rules.push_back({{"execve",
                           "read",
                           "write",
                           "close",
                           "close_range",
                           "sendmsg",
                           "recvmsg",
                           "fcntl",
                           "exit_group",
                           "prctl",
                           "capset",
                           "setgroups",
                           "setresuid",
                           "setresgid",
                           "umask",
                           "brk",
                           "mmap",
                           "munmap",
                           "arch_prctl",
                           "set_tid_address",
                           "set_robust_list",
                           "rseq",
                           "prlimit64",
                           "mprotect",
                           "readlink",
                           "getrandom",
                           "newfstatat",
                           "getuid",
                           "getgid",
                           "geteuid",
                           "getegid",
                           "uname",
                           "getpid",
                           "getppid",
                           "getcwd",
                           "rt_sigaction",
                           "rt_sigprocmask",
                           "clone",
                           "wait4",
                           "fork",
                           "vfork",
                           "stat",
                           "ioctl",
                           "poll",
                           "dup2",
                           "lseek",
                           "execveat",
                           "seccomp",
                           "setuid",
                           "setgid"},
                          "SCMP_ACT_ALLOW",
                          std::nullopt,
                          {}});
  CHECK(contains(run_with_filter(rootfs, filter, "mkdir /x 2>&1; echo end"),
                 "Too many levels of symbolic links"));
}

// spec: config-linux.md#seccomp.listenerMetadata
TEST_CASE(
    "metadata without a listener, and a systemd path without systemd, are errors before anything is made") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  spec.os.seccomp = security::SeccompFilterSpec();
  spec.os.seccomp->default_action = "SCMP_ACT_ALLOW";
  spec.os.seccomp->listener_metadata = "x";
  CHECK(
      contains(failure_of(request_of(spec, rootfs)), "/linux/seccomp/listenerMetadata: has no listenerPath"));
  spec.os.seccomp.reset();
  spec.os.cgroups_path = "system.slice:vial:unit";
  auto request = request_of(spec, rootfs);
  request.systemd_cgroup = true;
  CHECK(runtime::cgroup_path_of(request).value() == "/system.slice/vial-unit.scope");
  if (!path_exists("/run/systemd/system"))
    CHECK(
        contains(failure_of(std::move(request)), "no systemd on this host (/run/systemd/system is missing)"));
}

TEST_CASE("what a spec does not ask for costs no step") {
  const SmallRootfs rootfs;
  const auto spec = rootfs.spec({"true"});
  const auto plan = runtime::make_plan(request_of(spec, rootfs), runtime::collect_host_facts().value());
  REQUIRE(plan);
  const std::string text = runtime::dry_run_text(*plan);
  for (const char* word : {"hook", "AppArmor", "SELinux", "memory policy", "affinity", "open the tree",
                           "personality", "interface"})
    CHECK_FALSE(contains(text, word));
}
