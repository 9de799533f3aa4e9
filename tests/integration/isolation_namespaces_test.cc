// Which namespaces a container has for its own and which it shares, as the kernel shows them inside.
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/syscalls.h"
#include "tests/integration/vial_fixture.h"

namespace {

std::string own_namespace(const std::string& kind) {
  const auto link = sys::readlinkat(AT_FDCWD, ("/proc/self/ns/" + kind).c_str());
  REQUIRE(link);
  return *link;
}

// The kinds that are the host's, of those that a container can have.
std::vector<std::string> shared_kinds(const Json& report) {
  std::vector<std::string> shared;
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "uts"}) {
    if (report["namespaces"][kind] == own_namespace(kind)) shared.emplace_back(kind);
  }
  return shared;
}

using Kinds = std::vector<std::string>;

}  // namespace

TEST_CASE("a container has every namespace for its own") {
  const Vial vial;
  const Json report = vial.inside({});
  CHECK(shared_kinds(report).empty());
  // Nobody asked for these two.
  CHECK(report["namespaces"]["user"] == own_namespace("user"));
  CHECK(report["namespaces"]["time"] == own_namespace("time"));
  CHECK(report["pid"] == 1);
  CHECK(report["ppid"] == 0);
  CHECK(report["sid"] == 1);
  CHECK(report["visible_pids"] == Json::array({1}));
  CHECK(report["interfaces"].size() == 1);
  CHECK(report["interfaces"]["lo"]["up"] == true);
  CHECK(report["hostname"].get<std::string>().size() == 12);
  for (const auto& line : report["cgroup"]["self"]) {
    const auto text = line.get<std::string>();
    CHECK(text.substr(text.rfind(':')) == ":/");
  }
}

TEST_CASE("a container shares the namespace that host was asked for, and no other") {
  const Vial vial;
  CHECK(shared_kinds(vial.inside({"--pid", "host"})) == Kinds{"pid"});
  CHECK(shared_kinds(vial.inside({"--ipc", "host"})) == Kinds{"ipc"});
  CHECK(shared_kinds(vial.inside({"--network", "host"})) == Kinds{"net"});
  CHECK(shared_kinds(vial.inside({"--cgroupns", "host"})) == Kinds{"cgroup"});
  const Json uts = vial.inside({"--uts", "host"});
  CHECK(shared_kinds(uts) == Kinds{"uts"});
  utsname names = {};
  REQUIRE(::uname(&names) == 0);
  CHECK(uts["hostname"] == names.nodename);
}

TEST_CASE("with the host's pids a container sees the host's processes") {
  const Vial vial;
  const Json report = vial.inside({"--pid", "host"});
  CHECK(report["pid"] != 1);
  const auto& pids = report["visible_pids"];
  CHECK(std::find(pids.begin(), pids.end(), Json(::getpid())) != pids.end());
}

TEST_CASE("network none is the loopback alone, and private ipc modes are accepted") {
  const Vial vial;
  const Json none = vial.inside({"--network", "none"});
  CHECK(shared_kinds(none).empty());
  CHECK(none["interfaces"].size() == 1);
  CHECK(shared_kinds(vial.inside({"--ipc", "private"})).empty());
  CHECK(shared_kinds(vial.inside({"--cgroupns", "private"})).empty());
}

TEST_CASE("a mode that does not exist is refused") {
  const Vial vial;
  for (const char* option : {"--pid", "--uts", "--ipc", "--cgroupns"}) {
    const Outcome outcome = vial.run({"run", "--rm", option, "mars", "busybox", "true"});
    INFO(option << ": " << outcome.err);
    CHECK(outcome.code == 125);
    CHECK(outcome.err.find("invalid") != std::string::npos);
  }
}

TEST_CASE("a container's hostname is what -h says") {
  const Vial vial;
  const Outcome outcome = vial.shell({"-h", "web", "--domainname", "example"},
                                     "hostname; cat /etc/hostname; cat /proc/sys/kernel/domainname");
  CHECK(outcome.out == "web\nweb\nexample\n");
  CHECK(vial.shell({"-h", std::string(300, 'a')}, "true").code == 125);
}
