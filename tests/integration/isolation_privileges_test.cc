// Capabilities, system call filters and what an attacker gets with them.
#include <catch2/catch.hpp>
#include <charconv>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/running_program.h"
#include "tests/integration/vial_fixture.h"

namespace {

uint64_t from_hex(const std::string& text) {
  uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  REQUIRE(end.ptr == text.data() + text.size());
  return value;
}

uint64_t mask_of(const Json& hex) {
  return from_hex(hex.get<std::string>());
}

uint64_t own_bounding_set() {
  for (const auto& line : split(read_file("/proc/self/status").value_or(""), '\n'))
    if (line.starts_with("CapBnd:")) return from_hex(std::string(trim(line.substr(7))));
  return 0;
}

constexpr uint64_t bit(unsigned number) {
  return uint64_t{1} << number;
}

// capabilities(7): Docker's fourteen without MKNOD and AUDIT_WRITE.
constexpr uint64_t kDefault = bit(0) | bit(1) | bit(3) | bit(4) | bit(5) | bit(6) | bit(7) | bit(8) |
                              bit(10) | bit(13) | bit(18) | bit(31);
constexpr unsigned kChown = 0;
constexpr unsigned kNetAdmin = 12;
constexpr unsigned kSysPtrace = 19;

}  // namespace

TEST_CASE("the default capabilities are few, and none is inherited or ambient") {
  const Vial vial;
  const Json capabilities = vial.inside({})["capabilities"];
  CHECK(mask_of(capabilities["bounding"]) == kDefault);
  CHECK(mask_of(capabilities["permitted"]) == kDefault);
  CHECK(mask_of(capabilities["effective"]) == kDefault);
  CHECK(mask_of(capabilities["inheritable"]) == 0);
  CHECK(mask_of(capabilities["ambient"]) == 0);
}

TEST_CASE("capabilities are added and dropped by name, with or without CAP_, or all") {
  const Vial vial;
  const auto bounding = [&](const Words& options) {
    return mask_of(vial.inside(options)["capabilities"]["bounding"]);
  };
  CHECK(bounding({"--cap-add", "net_admin", "--cap-add", "CAP_SYS_PTRACE"}) ==
        (kDefault | bit(kNetAdmin) | bit(kSysPtrace)));
  CHECK(bounding({"--cap-drop", "CHOWN"}) == (kDefault & ~bit(kChown)));
  CHECK(bounding({"--cap-drop", "ALL"}) == 0);
  CHECK(bounding({"--cap-drop", "ALL", "--cap-add", "CHOWN"}) == bit(kChown));
  CHECK(bounding({"--privileged"}) == own_bounding_set());
  const Outcome wrong = vial.run({"run", "--rm", "--cap-add", "FLY", "busybox", "true"});
  CHECK(wrong.code == 125);
  CHECK(wrong.err.find("FLY") != std::string::npos);
}

TEST_CASE("another user than root has no capability, but the same bounds") {
  const Vial vial;
  const Json capabilities = vial.inside({"-u", "1000"})["capabilities"];
  CHECK(mask_of(capabilities["bounding"]) == kDefault);
  CHECK(mask_of(capabilities["permitted"]) == 0);
  CHECK(mask_of(capabilities["effective"]) == 0);
}

TEST_CASE("two filters are loaded, none when unconfined, one from a file") {
  const Vial vial;
  const Json usual = vial.inside({});
  CHECK(usual["seccomp"] == 2);
  CHECK(usual["seccomp_filters"] == 2);
  CHECK(usual["no_new_privs"] == 0);
  CHECK(vial.inside({"--security-opt", "seccomp=unconfined"})["seccomp"] == 0);
  CHECK(vial.inside({"--privileged"})["seccomp"] == 0);
  CHECK(vial.inside({"--security-opt", "no-new-privileges"})["no_new_privs"] == 1);
  // A non-root user gets the filters too, although loading them needs a capability or no_new_privs.
  CHECK(vial.inside({"-u", "1000"})["seccomp_filters"] == 2);

  const std::string profile = vial.directory() + "/profile.json";
  REQUIRE(create_file(profile, R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
    {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]})"));
  const Outcome made = vial.shell({"--security-opt", "seccomp=" + profile}, "mkdir /x");
  CHECK(made.code == 1);
  CHECK(made.err.find("not supported") != std::string::npos);
}

TEST_CASE("a seccomp profile that is missing or broken is refused") {
  const Vial vial;
  const auto refused = [&](const std::string& file) {
    const Outcome outcome = vial.run({"run", "--rm", "--security-opt", "seccomp=" + file, "busybox", "true"});
    INFO(outcome.err);
    CHECK(outcome.code == 125);
    CHECK(outcome.err.find("seccomp profile") != std::string::npos);
  };
  refused("/nonexistent.json");
  const std::string broken = vial.directory() + "/broken.json";
  REQUIRE(create_file(broken, "{"));
  refused(broken);
}

TEST_CASE("attacks fail by default") {
  const Vial vial;
  const Json tried = vial.inside({"--cap-drop", "NET_RAW"}, {"try", "all"});
  // What may work: a container that can't do these is none. The rest must not.
  const std::set<std::string> useful = {"af-inet",     "af-unix", "bind-low-port", "dev-null",
                                        "i386",        "memfd",   "mkfifo",        "modify-ldt",
                                        "ping-socket", "ptmx",    "setuid",        "oom-score-file"};
  for (const auto& [name, outcome] : tried.items()) {
    INFO(name << ": " << outcome);
    if (useful.contains(name)) {
      CHECK(outcome == "ok");
    } else {
      CHECK(outcome != "ok");
      CHECK(outcome != "unknown");
    }
  }
}

TEST_CASE("raw sockets come with NET_RAW, which a container has as in Docker") {
  const Vial vial;
  const Json tried = vial.inside({}, {"try", "raw-socket", "af-packet"});
  CHECK(tried["raw-socket"] == "ok");
  CHECK(tried["af-packet"] == "ok");
}

// Without the controls a test of denials proves nothing: these succeed when nothing is in their way.
TEST_CASE("the same attacks work in a privileged container") {
  const Vial vial;
  const Json tried = vial.inside({"--privileged"},
                                 {"try", "mount", "sethostname", "unshare-user", "unshare-mount", "open-tree",
                                  "keyctl", "mknod-kmsg", "core-pattern", "make-cgroup", "raw-socket"});
  for (const auto& [name, outcome] : tried.items()) {
    INFO(name);
    CHECK(outcome == "ok");
  }
}

TEST_CASE("a 32-bit argument with high bits set does not pass the filter") {
  const Vial vial;
  const Json tried = vial.inside({}, {"try", "tiocsti", "tiocsti-high-bit", "af-alg", "socket-high-bit"});
  for (const auto& [name, outcome] : tried.items()) {
    INFO(name);
    CHECK(outcome == "EPERM");
  }
}

// CVE-2019-5736: who holds the runtime's file open can write to it as soon as nobody executes it.
TEST_CASE("nobody comes in where vial's own file is the container's program and could be written to") {
  if (is_sanitized()) return;  // that program is linked with what no image has
  const Vial vial;
  // It asks whether it may, and waits for the answer.
  const Outcome mirror =
      vial.run({"run", "-d", "-i", "--name", "mirror", "busybox", "/proc/self/exe", "container", "prune"});
  INFO(mirror.err);
  REQUIRE(mirror.code == 0);
  const std::string refusal = "the container's first process is this program itself";
  CHECK(contains(vial.run({"exec", "mirror", "true"}).err, refusal));
  CHECK(contains(vial.run({"run", "--rm", "--pid", "container:mirror", "busybox", "true"}).err, refusal));
  CHECK(vial.run({"rm", "-f", "mirror"}).code == 0);
}
