// The member `process` of config.md, as the process itself sees it.
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"

namespace {

// /proc/self/status prints a set of capabilities as 16 hexadecimal digits.
std::string capability_mask(const std::vector<unsigned>& numbers) {
  uint64_t mask = 0;
  for (const unsigned number : numbers)
    mask |= uint64_t{1} << number;
  std::string text(16, '0');
  for (auto digit = text.rbegin(); mask != 0; ++digit, mask >>= 4U)
    *digit = "0123456789abcdef"[mask & 15U];
  return text;
}

}  // namespace

// spec: config.md#process args, env, cwd
TEST_CASE("a process gets its arguments, environment and directory") {
  OciBundle oci;
  oci.spec["process"]["env"] = {"PATH=/bin", "A=1", "B=two words", "EMPTY="};
  oci.spec["process"]["cwd"] = "/etc";
  const Json report = oci.report({"report", "a b", "", "ü"});
  CHECK(report["argv"] == Json({"/probe", "report", "a b", "", "ü"}));
  CHECK(report["cwd"] == "/etc");
  for (const char* entry : {"PATH=/bin", "A=1", "B=two words", "EMPTY="})
    CHECK(std::count(report["environment"].begin(), report["environment"].end(), entry) == 1);
  CHECK(report["pid"] == 1);
}

TEST_CASE("of a variable that is given twice a program finds the last value") {
  OciBundle oci;
  oci.spec["process"]["env"] = {"PATH=/nowhere", "A=1", "PATH=/bin", "A=2"};
  const Json report = oci.report({"report"});
  Json environment = report["environment"];
  environment.erase(std::remove(environment.begin(), environment.end(), Json("HOME=/root")),
                    environment.end());
  CHECK(environment == Json({"PATH=/bin", "A=2"}));
}

// Docker and containerd leave it to the runtime.
TEST_CASE("a process without HOME gets its user's, by the container's passwd") {
  OciBundle oci;
  const std::string passwd = oci.rootfs("/etc/passwd");
  const auto home = [&oci](int uid) {
    oci.spec["process"]["user"]["uid"] = uid;
    return oci.shell("echo $HOME").out;
  };
  REQUIRE(replace_file(passwd, "root:x:0:0::/own/root:/bin/sh\nsomebody:x:1234:1::/of/some body:/bin/sh\n"));
  CHECK(home(0) == "/own/root\n");
  CHECK(home(1234) == "/of/some body\n");
  if (is_vial_oci()) {
    const Json environment = oci.spec["process"]["env"];
    oci.spec["process"]["env"].push_back("HOME=");  // none, as with runc; crun leaves it empty
    CHECK(home(0) == "/own/root\n");
    oci.spec["process"]["env"] = environment;
    CHECK(home(77) == "/\n");  // crun 1.8 sets none
    REQUIRE(replace_file(passwd, "evil:x:77:0::relative:/bin/sh\nevil:x:78:0::/a\tb:/bin/sh\n"));
    CHECK(home(77) == "/\n");
    CHECK(home(78) == "/\n");
    REQUIRE(::unlink(passwd.c_str()) == 0);
    REQUIRE(::mkfifo(passwd.c_str(), 0644) == 0);
    CHECK(home(0) == "/\n");  // nobody waits for the fifo
    REQUIRE(::unlink(passwd.c_str()) == 0);
  }
  oci.spec["process"]["env"].push_back("HOME=/chosen");
  CHECK(home(0) == "/chosen\n");
}

// Images log to /dev/stdout by its name, and run as a user who did not make the pipe.
TEST_CASE("a user who is not root can open the standard output by its path") {
  OciBundle oci;
  oci.spec["process"]["user"] = {{"uid", 1234}, {"gid", 2345}};
  SECTION("in the host's user namespace") {}
  SECTION("in one of its own, as its root, too") {
    oci.spec["linux"]["namespaces"].push_back({{"type", "user"}});
    const Json map = Json::array({{{"containerID", 0}, {"hostID", 100000}, {"size", 65536}}});
    oci.spec["linux"]["uidMappings"] = map;
    oci.spec["linux"]["gidMappings"] = map;
    oci.spec["process"]["user"] = {{"uid", 0}, {"gid", 0}};
  }
  const auto through_pipes = [&oci](const Words& words) {
    const std::string line = shell_words(oci.command_line(words));
    return run_into_files({"sh", "-c", "{ " + line + " 2>&1; } | cat"}, oci.directory()).out;
  };
  oci.spec["process"]["args"] = {"sh", "-c", "echo out > /dev/stdout && echo err > /dev/stderr"};
  oci.write_config();
  const std::string both = through_pipes({"run", "--bundle", oci.bundle(), oci.id()});
  CHECK((both == "out\nerr\n" || both == "err\nout\n"));  // runc has a pipe for each
  oci.launch({"sleep", "100"});
  if (oci_runtime_name() != "crun")  // 1.8 gives the pipes of run away, but not those of exec
    CHECK(through_pipes({"exec", oci.id(), "sh", "-c", "echo out > /dev/stdout"}) == "out\n");
  oci.remove();
}

// spec: config.md#process cwd MUST be an absolute path
TEST_CASE("a directory that is not there is made, one that is not absolute is refused") {
  OciBundle oci;
  oci.spec["process"]["cwd"] = "/made/for/me";
  CHECK(oci.report()["cwd"] == "/made/for/me");
  oci.spec["root"]["readonly"] = true;
  oci.spec["process"]["cwd"] = "/made/before/it/is/read-only";
  CHECK(oci.report()["cwd"] == "/made/before/it/is/read-only");
  if (!is_vial_oci()) return;
  oci.spec["process"]["cwd"] = "relative";
  CHECK(oci.run({"true"}).code != 0);
}

// spec: config.md#process a program without a slash is looked for in the PATH of process.env
TEST_CASE("the program is looked for in the container's PATH") {
  OciBundle oci;
  REQUIRE(make_directories(oci.rootfs("/own"), 0755));
  REQUIRE(create_file(oci.rootfs("/own/greet"), "#!/bin/sh\necho greetings\n", 0755));
  oci.spec["process"]["env"] = {"PATH=/nowhere:/own:/bin"};
  CHECK(oci.run({"greet"}).out == "greetings\n");
}

// spec: config.md#user uid, gid, additionalGids, umask
TEST_CASE("a process has its user, groups and umask") {
  OciBundle oci;
  oci.spec["process"]["user"] = {{"uid", 1234}, {"gid", 2345}, {"additionalGids", {5, 500}}, {"umask", 027}};
  const Json report = oci.report();
  CHECK(report["uid"] == Json({{"real", 1234}, {"effective", 1234}, {"saved", 1234}}));
  CHECK(report["gid"] == Json({{"real", 2345}, {"effective", 2345}, {"saved", 2345}}));
  Json groups = report["groups"];
  groups.erase(std::remove(groups.begin(), groups.end(), Json(2345)), groups.end());
  CHECK(groups == Json({5, 500}));
  CHECK(report["umask"] == 027);
  // A user that is not root keeps nothing that it was not given as ambient.
  CHECK(report["capabilities"]["effective"] == capability_mask({}));
  oci.spec["process"]["user"] = {{"uid", 0}, {"gid", 0}};
  CHECK(oci.report()["umask"] == 022);
}

// spec: config.md#linux-process capabilities: bounding, effective, inheritable, permitted, ambient
TEST_CASE("a process has exactly its capabilities") {
  OciBundle oci;
  constexpr unsigned kKill = 5;
  constexpr unsigned kBind = 10;
  constexpr unsigned kAudit = 29;
  auto& sets = oci.spec["process"]["capabilities"];
  SECTION("root") {
    const Json report = oci.report();
    for (const char* set : {"bounding", "effective", "permitted"})
      CHECK(report["capabilities"][set] == capability_mask({kKill, kBind, kAudit}));
    CHECK(report["capabilities"]["ambient"] == capability_mask({}));
  }
  SECTION("sets that differ") {
    oci.spec["process"]["user"] = {{"uid", 1234}, {"gid", 2345}};
    const Json bind = Json::array({"CAP_NET_BIND_SERVICE"});
    sets = {{"bounding", {"CAP_KILL", "CAP_NET_BIND_SERVICE"}},
            {"permitted", bind},
            {"effective", bind},
            {"inheritable", bind},
            {"ambient", bind}};
    const Json report = oci.report()["capabilities"];
    CHECK(report["bounding"] == capability_mask({kKill, kBind}));
    for (const char* set : {"permitted", "effective", "inheritable", "ambient"})
      CHECK(report[set] == capability_mask({kBind}));
  }
  SECTION("none") {
    sets = Json::object();
    const Json report = oci.report()["capabilities"];
    for (const auto& [name, mask] : report.items())
      CHECK((name == "inheritable" || mask == capability_mask({})));
  }
}

// spec: config.md#linux-process values that can't be mapped to the kernel MUST be logged as a warning, not be
// an error
TEST_CASE("a capability that nobody knows is no reason to fail, but is told") {
  OciBundle oci;
  for (const char* name : {"CAP_WINDOW_SILL", "cap_kill"})
    oci.spec["process"]["capabilities"]["bounding"].push_back(name);
  const Outcome ran = oci.run({"true"});
  CHECK(ran.code == 0);
  if (oci_runtime_name() == "crun") return;  // 1.8 keeps quiet
  CHECK(contains(ran.err, "CAP_WINDOW_SILL"));
  CHECK(contains(ran.err, "cap_kill"));
}

TEST_CASE("a capability that this host does not grant is left out, and told") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // older runtimes fail
  auto& sets = oci.spec["process"]["capabilities"];
  for (const char* set : {"bounding", "effective", "permitted"})
    sets[set] = {"CAP_KILL", "CAP_SYS_TIME"};
  oci.spec["process"]["args"] = {"grep", "Cap", "/proc/self/status"};
  oci.write_config();
  Words words = {"setpriv", "--bounding-set=-sys_time", "--"};
  for (const auto& word : oci.command_line({"run", "--bundle", oci.bundle(), oci.id()}))
    words.push_back(word);
  const Outcome ran = run_into_files(words, oci.directory());
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "CapBnd:\t" + capability_mask({5})));
  CHECK(contains(ran.out, "CapEff:\t" + capability_mask({5})));
  CHECK(contains(ran.err, "left out: CAP_SYS_TIME"));
}

TEST_CASE("a process whose configuration says no capabilities has none") {
  OciBundle oci;
  oci.spec["process"].erase("capabilities");
  const Json report = oci.report()["capabilities"];
  for (const char* set : {"bounding", "effective", "permitted", "ambient"})
    CHECK(report[set] == capability_mask({}));
}

// spec: config.md#linux-process noNewPrivileges
TEST_CASE("no_new_privs is set when wanted and only then") {
  OciBundle oci;
  CHECK(oci.report()["no_new_privs"] == 1);
  oci.spec["process"]["noNewPrivileges"] = false;
  CHECK(oci.report()["no_new_privs"] == 0);
}

// spec: config.md#posix-process rlimits: type, soft, hard
TEST_CASE("resource limits are those of the configuration, the others are inherited") {
  OciBundle oci;
  oci.spec["process"]["rlimits"] =
      Json::array({{{"type", "RLIMIT_NOFILE"}, {"soft", 511}, {"hard", 1021}},
                   {{"type", "RLIMIT_CORE"}, {"soft", 0}, {"hard", 0}},
                   {{"type", "RLIMIT_FSIZE"}, {"soft", 1U << 20U}, {"hard", 1U << 30U}}});
  const Json limits = oci.report()["rlimits"];
  CHECK(limits["nofile"] == Json({{"soft", 511}, {"hard", 1021}}));
  CHECK(limits["core"] == Json({{"soft", 0}, {"hard", 0}}));
  CHECK(limits["fsize"] == Json({{"soft", 1U << 20U}, {"hard", 1U << 30U}}));
  rlimit stack = {};
  REQUIRE(::getrlimit(RLIMIT_STACK, &stack) == 0);
  if (stack.rlim_cur != RLIM_INFINITY) CHECK(limits["stack"]["soft"] == stack.rlim_cur);
}

// spec: config.md#posix-process the runtime MUST generate an error for a type that can't be mapped; MUST for
// duplicates
TEST_CASE("resource limits that make no sense are errors") {
  OciBundle oci;
  SECTION("unknown") {
    oci.spec["process"]["rlimits"] = Json::array({{{"type", "RLIMIT_TEST"}, {"soft", 1}, {"hard", 1}}});
  }
  SECTION("twice") {
    if (oci_runtime_name() == "crun" || oci_runtime_name() == "runc") return;  // they take the last
    oci.spec["process"]["rlimits"] = Json::array({{{"type", "RLIMIT_CORE"}, {"soft", 0}, {"hard", 0}},
                                                  {{"type", "RLIMIT_CORE"}, {"soft", 1}, {"hard", 1}}});
  }
  SECTION("soft above hard") {
    oci.spec["process"]["rlimits"] = Json::array({{{"type", "RLIMIT_CORE"}, {"soft", 2}, {"hard", 1}}});
  }
  CHECK(oci.run({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}

// spec: config.md#linux-process oomScoreAdj: set when given; MUST NOT be changed when not set
TEST_CASE("the out-of-memory score is set when wanted and only then") {
  OciBundle oci;
  const std::string own(trim(read_file("/proc/self/oom_score_adj").value_or("")));
  CHECK(oci.report()["oom_score_adj"] == own);
  oci.spec["process"]["oomScoreAdj"] = 700;
  CHECK(oci.report()["oom_score_adj"] == "700");
}

// spec: config.md#linux-process scheduler, ioPriority, personality of config-linux.md
TEST_CASE("a process has its scheduling, its priority of input and output and its personality") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // newer than runc 1.1 and crun 1.8
  oci.spec["process"]["scheduler"] = {{"policy", "SCHED_BATCH"}, {"nice", 7}};
  oci.spec["process"]["ioPriority"] = {{"class", "IOPRIO_CLASS_BE"}, {"priority", 6}};
  oci.spec["linux"]["personality"] = {{"domain", "LINUX32"}};
  const Json report = oci.report();
  CHECK(report["scheduler"] == SCHED_BATCH);
  CHECK(report["nice"] == 7);
  CHECK(report["io_priority"] == ((2 << 13) | 6));
  CHECK(report["personality"] == 0x0008);
}

// spec: config.md#process the container inherits stdio and nothing else
TEST_CASE("a process inherits no descriptor but stdin, stdout, stderr") {
  OciBundle oci;
  const Json report = oci.report();
  for (const Json& descriptor : report["descriptors"]) {
    INFO(dump_json(descriptor));
    CHECK(descriptor["cloexec"] == true);
  }
  for (const Json& stream : report["stdio"])
    CHECK(stream["open"] == true);
}

// spec: config.md#hostname MUST be the hostname as seen by processes; config.md#domainname
TEST_CASE("a container has its host name and domain name") {
  OciBundle oci;
  oci.spec["hostname"] = "hello-there";
  CHECK(oci.report()["hostname"] == "hello-there");
  if (!is_vial_oci()) return;  // newer than runc 1.1
  oci.spec["domainname"] = "example.org";
  CHECK(oci.report()["domainname"] == "example.org");
}

// spec: config.md#process terminal without a console socket is an error of create
TEST_CASE("a terminal needs somebody to take it") {
  OciBundle oci;
  oci.spec["process"]["terminal"] = true;
  CHECK(oci.create({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}
