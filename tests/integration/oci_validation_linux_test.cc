// Namespaces, user mappings, kernel parameters and system call filters of config-linux.md.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/oci_fixture.h"

namespace {

std::string namespace_of(pid_t pid, const std::string& kind) {
  return sys::readlinkat(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/ns/" + kind).c_str()).value_or("?");
}

// The specification's words and the kernel's.
struct Kind {
  const char* type;
  const char* file;
  int flag;
};
constexpr std::array<Kind, 6> kKinds = {{{"network", "net", CLONE_NEWNET},
                                         {"ipc", "ipc", CLONE_NEWIPC},
                                         {"uts", "uts", CLONE_NEWUTS},
                                         {"pid", "pid_for_children", CLONE_NEWPID},
                                         {"cgroup", "cgroup", CLONE_NEWCGROUP},
                                         {"mount", "mnt", CLONE_NEWNS}}};

Json& namespaces(OciBundle& oci) {
  return oci.spec["linux"]["namespaces"];
}

void drop_namespace(OciBundle& oci, const std::string& type) {
  Json& list = namespaces(oci);
  list.erase(
      std::remove_if(list.begin(), list.end(), [&](const Json& entry) { return entry["type"] == type; }),
      list.end());
}

void use_namespace(OciBundle& oci, const Json& entry) {
  drop_namespace(oci, entry["type"]);
  namespaces(oci).push_back(entry);
}

// A process that made new namespaces and keeps them until it is destroyed. For a pid namespace it has a
// child.
class Holder {
 public:
  explicit Holder(int flags) {
    std::array<int, 2> ready = {};
    REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const bool made = sys::unshare(flags).has_value();
      if (made && (flags & CLONE_NEWPID) != 0 && ::fork() == 0) {
        ::close(ready[1]);
        for (;;)
          ::pause();
      }
      (void)!::write(ready[1], made ? "y" : "n", 1);
      for (;;)
        ::pause();
    }
    char answer = 'n';
    CHECK(::read(ready[0], &answer, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
    REQUIRE(answer == 'y');
  }
  ~Holder() {
    // The child, too: pid 1 of its namespace, adopted by the test program.
    for (const auto& child :
         split(trim(read_file("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children")
                        .value_or("")),
               ' '))
      if (const auto number = parse_uint(child)) ::kill(static_cast<pid_t>(*number), SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  pid_t pid() const { return pid_; }
  std::string path(const std::string& kind) const { return "/proc/" + std::to_string(pid_) + "/ns/" + kind; }

 private:
  pid_t pid_ = -1;
};

}  // namespace

// spec: config-linux.md#namespaces if path is not specified, the runtime MUST create a new container
// namespace
TEST_CASE("a namespace of a type without a path is new") {
  OciBundle oci;
  use_namespace(oci, {{"type", "cgroup"}});
  const Json seen = oci.report()["namespaces"];
  for (const Kind& kind : kKinds) {
    const std::string file = kind.flag == CLONE_NEWPID ? "pid" : kind.file;
    INFO(kind.type);
    CHECK(seen[file].get<std::string>().starts_with(file + ":["));
    CHECK(seen[file] != namespace_of(::getpid(), file));
  }
  for (const char* file : {"user", "time"})
    CHECK(seen[file] == namespace_of(::getpid(), file));
}

// spec: config-linux.md#namespaces if a type is not in the list, the container MUST inherit the runtime
// namespace
TEST_CASE("a namespace that is not listed is the runtime's") {
  OciBundle oci;
  for (const char* type : {"network", "ipc"}) {
    drop_namespace(oci, type);
    const char* file = type == std::string("network") ? "net" : type;
    // sysfs shows the network namespace of its mount: it can't be new in one that is the host's and not
    // root's own.
    const Json report = oci.report();
    INFO(type);
    CHECK(report["namespaces"][file] == namespace_of(::getpid(), file));
    CHECK(report["namespaces"]["uts"] != namespace_of(::getpid(), "uts"));
  }
  drop_namespace(oci, "uts");
  oci.spec.erase("hostname");
  CHECK(oci.report()["namespaces"]["uts"] == namespace_of(::getpid(), "uts"));
}

// spec: config-linux.md#namespaces the runtime MUST place the container process in the namespace of path
TEST_CASE("a namespace with a path is joined") {
  OciBundle oci;
  for (const Kind& kind : kKinds) {
    if (kind.flag == CLONE_NEWNS || kind.flag == CLONE_NEWPID) continue;         // below
    if (kind.flag == CLONE_NEWCGROUP && oci_runtime_name() == "runc") continue;  // 1.1 makes none by path
    const Holder holder(kind.flag);
    use_namespace(oci, {{"type", kind.type}, {"path", holder.path(kind.file)}});
    INFO(kind.type);
    CHECK(oci.report()["namespaces"][kind.file] == namespace_of(holder.pid(), kind.file));
    use_namespace(oci, {{"type", kind.type}});
  }
}

TEST_CASE("a pid namespace with a path is joined") {
  OciBundle oci;
  const Holder holder(CLONE_NEWPID);
  use_namespace(oci, {{"type", "pid"}, {"path", holder.path("pid_for_children")}});
  const Json report = oci.report();
  CHECK(report["namespaces"]["pid"] == namespace_of(holder.pid(), "pid_for_children"));
  CHECK(report["pid"] != 1);
}

// spec: config-linux.md#namespaces the runtime MUST generate an error if path is not associated with a
// namespace of type type
TEST_CASE("a path to a namespace of another type, or to none, is refused") {
  OciBundle oci;
  const Holder holder(CLONE_NEWUTS | CLONE_NEWIPC);
  SECTION("another type") {
    use_namespace(oci, {{"type", "uts"}, {"path", holder.path("ipc")}});
  }
  SECTION("no namespace") {
    use_namespace(oci, {{"type", "uts"}, {"path", "/proc/self/status"}});
  }
  SECTION("nothing") {
    use_namespace(oci, {{"type", "uts"}, {"path", "/no/such/namespace"}});
  }
  CHECK(oci.run({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}

// spec: config-linux.md#namespaces the runtime MUST generate an error if the field is invalid or duplicated
TEST_CASE("a type of namespace that is unknown or listed twice is refused") {
  OciBundle oci;
  SECTION("twice") {
    namespaces(oci).push_back({{"type", "uts"}});
    if (!is_vial_oci()) return;  // crun 1.8 takes it
  }
  SECTION("unknown") {
    namespaces(oci).push_back({{"type", "weather"}});
  }
  CHECK(oci.run({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}

// spec: config-linux.md#user-namespace-mappings containerID, hostID, size
TEST_CASE("users are mapped as the configuration says") {
  OciBundle oci;
  use_namespace(oci, {{"type", "user"}});
  oci.spec["linux"]["uidMappings"] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
  oci.spec["linux"]["gidMappings"] = Json::array({{{"containerID", 0}, {"hostID", 200000}, {"size", 3000}}});
  REQUIRE(::chown(oci.rootfs().c_str(), 100000, 200000) == 0);
  REQUIRE(::chown(oci.rootfs("/tmp").c_str(), 100000, 200000) == 0);
  const Outcome outcome =
      oci.shell("cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; touch /tmp/mine; echo $?");
  INFO(outcome.err);
  const auto words = split(outcome.out, '\n');
  REQUIRE(words.size() >= 5);
  const auto fields = [&](size_t line) {
    std::string text;
    for (const auto& field : split(words[line], ' '))
      if (!field.empty()) text += field + " ";
    return text;
  };
  CHECK(fields(0) == "0 100000 3000 ");
  CHECK(fields(1) == "0 200000 3000 ");
  CHECK(words[2] == "0");
  CHECK(words[3] == "0");
  CHECK(words[4] == "0");
  struct stat mine = {};
  REQUIRE(::stat(oci.rootfs("/tmp/mine").c_str(), &mine) == 0);
  CHECK(mine.st_uid == 100000);
  CHECK(mine.st_gid == 200000);
}

TEST_CASE("a user namespace has the default devices") {
  OciBundle oci;
  use_namespace(oci, {{"type", "user"}});
  for (const char* name : {"uidMappings", "gidMappings"})
    oci.spec["linux"][name] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
  const Json devices = oci.report()["devices"];
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    INFO(name);
    CHECK(devices[name]["type"] == "char");
  }
  CHECK(oci.shell("echo x > /dev/null && head -c 4 /dev/zero | wc -c").out == "4\n");
}

TEST_CASE("in a user namespace a mount covers a directory that is closed for its users") {
  OciBundle oci;
  use_namespace(oci, {{"type", "user"}});
  for (const char* name : {"uidMappings", "gidMappings"})
    oci.spec["linux"][name] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
  REQUIRE(make_directories(oci.rootfs("/closed"), 0700));
  oci.spec["mounts"].push_back({{"destination", "/closed"},
                                {"type", "tmpfs"},
                                {"source", "tmpfs"},
                                {"options", {"nodev", "mode=755"}}});
  const Outcome outcome = oci.shell("touch /closed/file && ls /closed");
  INFO(outcome.err);
  CHECK(outcome.out == "file\n");
}

// spec: config-linux.md#offset-for-time-namespace boottime and monotonic, secs and nanosecs
TEST_CASE("a time namespace has the offsets of the configuration") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // newer than runc 1.1
  use_namespace(oci, {{"type", "time"}});
  CHECK(oci.report()["namespaces"]["time"] != namespace_of(::getpid(), "time"));
  oci.spec["linux"]["timeOffsets"] = {{"boottime", {{"secs", 1000}}},
                                      {"monotonic", {{"secs", 500}, {"nanosecs", 7}}}};
  const std::string offsets = oci.report()["time_offsets"];
  INFO(offsets);
  CHECK(offsets.find("1000") != std::string::npos);
  CHECK(offsets.find("500") != std::string::npos);
}

// spec: config-linux.md#sysctl allows kernel parameters to be modified at runtime for the container
TEST_CASE("kernel parameters are set in the container and only there") {
  OciBundle oci;
  const std::string before = read_file("/proc/sys/net/ipv4/ip_forward").value_or("?");
  const std::string other = trim(before) == "0" ? "1" : "0";
  oci.spec["linux"]["sysctl"] = {{"net.ipv4.ip_forward", other}, {"kernel.msgmax", "4321"}};
  CHECK(oci.run({"cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax"}).out ==
        other + "\n4321\n");
  CHECK(read_file("/proc/sys/net/ipv4/ip_forward").value_or("!") == before);
}

TEST_CASE("a kernel parameter that is the whole host's is refused") {
  OciBundle oci;
  const std::string before = read_file("/proc/sys/vm/swappiness").value_or("?");
  oci.spec["linux"]["sysctl"] = {{"vm.swappiness", std::string(trim(before))}};
  CHECK(oci.run({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}

TEST_CASE("a kernel parameter of a namespace that turns out to be the host's is refused") {
  OciBundle oci;
  for (auto& entry : oci.spec["linux"]["namespaces"])
    if (entry["type"] == "network") entry["path"] = "/proc/self/ns/net";
  const std::string before = read_file("/proc/sys/net/ipv4/ip_forward").value_or("?");
  oci.spec["linux"]["sysctl"] = {{"net.ipv4.ip_forward", trim(before) == "0" ? "1" : "0"}};
  const Outcome refused = oci.run({"true"});
  CHECK(refused.code != 0);
  if (is_vial_oci()) {
    INFO(refused.err);
    CHECK(refused.err.find("sysctl 'net.ipv4.ip_forward' is not allowed: the container shares the host's "
                           "network namespace") != std::string::npos);
  }
  CHECK(oci.status() == "unknown");
  CHECK(oci.cgroups().empty());
  CHECK(read_file("/proc/sys/net/ipv4/ip_forward").value_or("!") == before);
}

// spec: config-linux.md#seccomp defaultAction, syscalls: names, action, errnoRet, args
TEST_CASE("a filter of system calls decides as the configuration says") {
  OciBundle oci;
  SECTION("an error number") {
    oci.spec["linux"]["seccomp"] = {
        {"defaultAction", "SCMP_ACT_ALLOW"},
        {"architectures", {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
        {"syscalls", Json::array({{{"names", {"getcwd"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", EXDEV}},
                                  {{"names", {"mkdir", "mkdirat"}}, {"action", "SCMP_ACT_ERRNO"}}})}};
    const Json report = oci.report();
    CHECK(report["cwd"] == "EXDEV");
    CHECK(report["seccomp"] == 2);
    CHECK(oci.run({"mkdir", "/made"}).err.find("Operation not permitted") != std::string::npos);
    CHECK_FALSE(path_exists(oci.rootfs("/made")));
  }
  SECTION("an argument") {
    // personality(0xffffffff) asks, everything else would change it.
    oci.spec["linux"]["seccomp"] = {
        {"defaultAction", "SCMP_ACT_ALLOW"},
        {"syscalls",
         Json::array({{{"names", {"umask"}},
                       {"action", "SCMP_ACT_ERRNO"},
                       {"errnoRet", ENOSYS},
                       {"args", Json::array({{{"index", 0}, {"value", 077}, {"op", "SCMP_CMP_EQ"}}})}}})}};
    CHECK(oci.shell("umask 027; umask 077; umask").out == "0027\n");
  }
  SECTION("death") {
    oci.spec["linux"]["seccomp"] = {
        {"defaultAction", "SCMP_ACT_ALLOW"},
        {"syscalls", Json::array({{{"names", {"mkdir", "mkdirat"}}, {"action", "SCMP_ACT_KILL_PROCESS"}}})}};
    CHECK(oci.shell("(mkdir /made); echo $?").out == "159\n");
  }
  SECTION("names that no kernel has are passed over where they allow") {
    oci.spec["linux"]["seccomp"] = {
        {"defaultAction", "SCMP_ACT_ALLOW"},
        {"syscalls", Json::array({{{"names", {"make_tea"}}, {"action", "SCMP_ACT_ALLOW"}},
                                  {{"names", {"getcwd"}}, {"action", "SCMP_ACT_ERRNO"}}})}};
    CHECK(oci.report()["cwd"] == "EPERM");
    // What was to be denied and can't be would be a hole: runc and crun pass over it.
    oci.spec["linux"]["seccomp"]["syscalls"][0]["action"] = "SCMP_ACT_ERRNO";
    if (is_vial_oci()) CHECK(oci.run({"true"}).code != 0);
  }
}

// spec: config-linux.md#seccomp an action that is unknown MUST be an error
TEST_CASE("a filter that can't be made is refused") {
  OciBundle oci;
  oci.spec["linux"]["seccomp"] = {{"defaultAction", "SCMP_ACT_HOPE"}};
  CHECK(oci.run({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}
