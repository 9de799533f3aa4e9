// A container in the pid namespace of another one: its process is born inside when its root is ready.
#include <fcntl.h>
#include <signal.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/leaks.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

constexpr int kMostSteps = 80;

std::string pid_namespace(const std::string& pid) {
  return sys::readlinkat(AT_FDCWD, ("/proc/" + pid + "/ns/pid").c_str()).value_or("?");
}

std::string pid_text(const OciBundle& oci) {
  return std::to_string(oci.state()["pid"].get<int>());
}

// `oci` joins the pid namespace of `other`, which runs.
void join_pid_namespace(OciBundle& oci, const OciBundle& other) {
  for (Json& entry : oci.spec["linux"]["namespaces"])
    if (entry["type"] == "pid") entry["path"] = "/proc/" + pid_text(other) + "/ns/pid";
}

std::string noted(const OciBundle& oci, const std::string& name) {
  return std::string(trim(read_file(oci.directory() + "/" + name).value_or("")));
}

}  // namespace

TEST_CASE("a container in another one's pid namespace lives like others", "[vm]") {
  OciBundle other;
  other.launch({"sleep", "1000"});
  OciBundle oci;
  join_pid_namespace(oci, other);
  oci.spec["process"]["oomScoreAdj"] = 300;
  oci.spec["linux"]["sysctl"] = {{"net.ipv4.ip_forward", "1"}};
  // /proc shows who is in there, and nobody of the host.
  const Outcome seen = oci.shell(
      "tr '\\0' ' ' < /proc/1/cmdline; ls -d /proc/[0-9]* | wc -l; [ $$ != 1 ] && [ -e /proc/$$/stat ] && "
      "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward; exit 42");
  INFO(seen.err);
  CHECK(seen.code == 42);
  CHECK_THAT(seen.out, Contains("sleep 1000 ") && Contains("300\n1\n"));
  REQUIRE(oci.create({"sleep", "1001"}, {"--pid-file", oci.directory() + "/pid"}).code == 0);
  const std::string pid = pid_text(oci);
  CHECK(noted(oci, "pid") == pid);
  CHECK(oci.status() == "created");
  CHECK(pid_namespace(pid) == pid_namespace(pid_text(other)));
  for (const std::string& group : split(trim(read_file("/proc/" + pid + "/cgroup").value_or("")), '\n'))
    CHECK_THAT(group, Contains(oci.id()) || Contains("::/") || Contains(":name="));
  REQUIRE(oci.start().code == 0);
  CHECK(oci.status() == "running");
  CHECK_THAT(read_file("/proc/" + pid + "/cmdline").value_or(""), Contains("1001"));
  REQUIRE(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  CHECK(oci.becomes("stopped"));
  CHECK(other.status() == "running");
  oci.remove();
  other.remove();
}

// spec: config.md#hooks.createContainer
TEST_CASE("hooks of a container in another one's pid namespace see its rootfs before it is born") {
  OciBundle other;
  other.launch({"sleep", "1000"});
  OciBundle oci;
  join_pid_namespace(oci, other);
  for (const char* kind : {"createRuntime", "createContainer"}) {
    const std::string script =
        std::string("cat > $D/") + kind + "; readlink /proc/self/ns/pid > $D/" + kind + ".ns";
    oci.spec["hooks"][kind].push_back({{"path", "/bin/sh"},
                                       {"args", {"sh", "-c", script}},
                                       {"env", {"PATH=/usr/bin:/bin", "D=" + oci.directory()}}});
  }
  const Outcome outcome = oci.run({"true"});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  for (const std::string kind : {"createRuntime", "createContainer"}) {
    INFO(kind);
    CHECK_THAT(noted(oci, kind), Contains("\"pid\":"));
    CHECK(noted(oci, kind + ".ns") == pid_namespace("self"));
  }
  other.remove();
}

TEST_CASE("a container with a user namespace joins the pid namespace of another one") {
  OciBundle other;
  OciBundle oci;
  for (OciBundle* each : {&other, &oci}) {
    for (const char* name : {"uidMappings", "gidMappings"})
      each->spec["linux"][name] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
    each->spec["linux"]["namespaces"].push_back({{"type", "user"}});
  }
  SECTION("with the same user namespace") {
    other.launch({"sleep", "1000"});
    const std::string path = "/proc/" + pid_text(other) + "/ns/user";
    oci.spec["linux"]["namespaces"].back()["path"] = path;
    oci.spec["linux"].erase("uidMappings");
    oci.spec["linux"].erase("gidMappings");
    join_pid_namespace(oci, other);
    const Outcome outcome = oci.shell("cat /proc/1/cmdline; id -u; cat /proc/self/uid_map");
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.out, Contains("1000") && Contains("100000"));
  }
  SECTION("with a new one") {
    OciBundle plain;
    plain.launch({"sleep", "1000"});
    join_pid_namespace(oci, plain);
    // Only the owner of a pid namespace may mount a procfs of it.
    Json& mounts = oci.spec["mounts"];
    mounts.erase(0);
    const Outcome outcome = oci.shell("echo $$; id -u");
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    CHECK_THAT(outcome.out, Contains("\n0\n"));
    plain.remove();
    other.launch({"true"});
  }
  other.remove();
}

TEST_CASE("a start in another one's pid namespace that fails or is killed at any step leaves nothing") {
  OciBundle other;
  other.launch({"sleep", "1000"});
  OciBundle oci;
  join_pid_namespace(oci, other);
  int tried = 0;
  const int stride = is_sanitized() ? 4 : 1;
  for (const char* variable : {"VIAL_FAIL_AT", "VIAL_KILL_AT"}) {
    for (int k = 0; k < kMostSteps; k += stride) {
      Outcome outcome;
      {
        const Variable fault(variable, k);
        outcome = oci.create({"true"}, {"--pid-file", oci.directory() + "/pid"});
      }
      if (outcome.code == 0) break;
      ++tried;
      INFO(variable << "=" << k << ": " << outcome.err);
      if (outcome.code != 1) CHECK(oci.becomes("stopped"));
      if (outcome.code != 1) CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
      CHECK(oci.status() == "unknown");
      CHECK(oci.cgroups().empty());
    }
    oci.remove();
  }
  CHECK(tried > 30 / stride);
  CHECK(other.status() == "running");
  // The orphans are this program's, and are seen inside until it has reaped them.
  CHECK(within(kPatience, [&] {
    (void)living_children();
    return other.call({"exec", other.id(), "sh", "-c", "set -- /proc/[0-9]*; echo $#"}).out == "2\n";
  }));
  other.remove();
}

// CVE-2016-9962 at a start: see isolation_descriptors_test.cc.
TEST_CASE("who shares a user and a pid namespace sees nothing of the host while a container starts there") {
  OciBundle other;
  const std::string attack = "watch:12:" + other.directory();
  for (const char* name : {"uidMappings", "gidMappings"})
    other.spec["linux"][name] = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 3000}}});
  other.spec["linux"]["namespaces"].push_back({{"type", "user"}});
  for (const char* set : {"bounding", "permitted", "effective"})
    other.spec["process"]["capabilities"][set].push_back("CAP_SYS_PTRACE");
  other.launch({"/probe", "try", attack});
  OciBundle oci;
  oci.spec["linux"]["namespaces"].push_back(
      {{"type", "user"}, {"path", "/proc/" + pid_text(other) + "/ns/user"}});
  join_pid_namespace(oci, other);
  constexpr int kMostTries = 40;
  for (int i = 0; i < kMostTries; ++i)
    if (oci.run({"true"}).code != 0) break;
  REQUIRE(other.becomes("stopped"));
  CHECK(other.output() == "{\"" + attack + "\":\"saw 12\"}\n");
  other.remove();
}
