// exec and cgroups: where the new process is, in a sub-cgroup, in a paused container, in a scope of
// systemd's.
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"
#include "tests/unit/cgroups/fake_systemd.h"

using Catch::Contains;

namespace {

// The container's cgroup directories and those below that the test makes; gone before the container is.
class Below {
 public:
  Below(const OciBundle& oci, const std::string& name) {
    for (const auto& directory : oci.cgroups()) {
      const std::string path = directory + "/" + name;
      REQUIRE(::mkdir(path.c_str(), 0755) == 0);
      made_.push_back(path);
      for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
        const auto text = read_file(directory + file);
        if (text && !trim(*text).empty()) REQUIRE(write_kernel_file(path + file, std::string(trim(*text))));
      }
    }
  }
  ~Below() {
    for (const auto& path : made_)
      ::rmdir(path.c_str());
  }
  Below(const Below&) = delete;
  Below& operator=(const Below&) = delete;

 private:
  std::vector<std::string> made_;
};

// The lines of /proc/self/cgroup of `exec OPTIONS`, as the host sees them: the container shares the host's
// cgroup namespace.
std::vector<std::string> memberships(const OciBundle& oci, const Words& options) {
  Words words = {"exec"};
  words.insert(words.end(), options.begin(), options.end());
  for (const std::string& word : {oci.id(), std::string("cat"), std::string("/proc/self/cgroup")})
    words.push_back(word);
  const Outcome outcome = oci.call(words);
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  return split(std::string(trim(outcome.out)), '\n');
}

bool is_container_path(const OciBundle& oci, const std::string& line) {
  return contains(line, "/" + oci.id());
}

std::string first_v1_controller(const std::vector<std::string>& lines, const OciBundle& oci) {
  for (const auto& line : lines) {
    const auto parts = split(line, ':');
    const bool is_v1 = parts.size() > 2 && !parts[1].empty() && !parts[1].starts_with("name=");
    if (is_v1 && is_container_path(oci, line)) return split(parts[1], ',').front();
  }
  return "";
}

std::string error_of_exec(const OciBundle& oci, const Words& options) {
  Words words = {"exec"};
  words.insert(words.end(), options.begin(), options.end());
  for (const std::string& word : {oci.id(), std::string("true")})
    words.push_back(word);
  const Outcome outcome = oci.call(words);
  CHECK(outcome.code == 255);
  return outcome.err;
}

}  // namespace

TEST_CASE("exec --cgroup PATH is below the container's cgroup in every hierarchy") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  {
    const Below below(oci, "part");
    size_t inside = 0;
    for (const auto& line : memberships(oci, {"--cgroup", "part"})) {
      INFO(line);
      if (!is_container_path(oci, line)) continue;
      CHECK(line.ends_with("/part"));
      ++inside;
    }
    CHECK(inside == oci.cgroups().size());
    CHECK_THAT(error_of_exec(oci, {"--cgroup", "missing"}), Contains("missing") && Contains("No such file"));
    CHECK_THAT(error_of_exec(oci, {"--cgroup", "../x"}), Contains("../x is not a sub cgroup path"));
  }
  oci.remove();
}

TEST_CASE("exec --cgroup CONTROLLER:PATH moves it in that controller's hierarchy alone") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  {
    const Below below(oci, "part");
    const std::string controller = first_v1_controller(memberships(oci, {}), oci);
    if (controller.empty()) {
      // Pure v2 has one hierarchy for all.
      CHECK_THAT(error_of_exec(oci, {"--cgroup", "memory:part"}),
                 Contains("unknown controller") && Contains("memory"));
    } else {
      for (const auto& line : memberships(oci, {"--cgroup", controller + ":part"})) {
        INFO(line);
        if (!is_container_path(oci, line)) continue;
        const auto names = split(split(line, ':')[1], ',');
        const bool is_named = std::find(names.begin(), names.end(), controller) != names.end();
        CHECK(line.ends_with("/part") == is_named);
      }
    }
    CHECK_THAT(error_of_exec(oci, {"--cgroup", "nonsense:part"}),
               Contains("unknown controller") && Contains("nonsense"));
  }
  oci.remove();
}

TEST_CASE(
    "a working directory that is not there is made by run, not by exec, and told in the words of callers") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  CHECK_THAT(error_of_exec(oci, {"--cwd", "/new/one"}),
             Contains("exec failed: exec: chdir to cwd (") &&
                 Contains(") set in config.json failed: no such file or directory"));
  oci.remove();
  oci.spec["process"]["cwd"] = "/new/one";
  CHECK(oci.run({"pwd"}).out == "/new/one\n");
  // Where it can't be made it is told why.
  oci.spec["mounts"].push_back(
      {{"destination", "/locked"}, {"type", "tmpfs"}, {"source", "tmpfs"}, {"options", {"ro"}}});
  oci.spec["process"]["cwd"] = "/locked/other";
  const Outcome refused = oci.create({"sleep", "100"});
  CHECK(refused.code != 0);
  CHECK_THAT(refused.err, Contains("enter /locked/other: no such file or directory, and the file system "
                                   "is read-only"));
}

TEST_CASE("exec --ignore-paused comes into a paused container and goes on with it") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  CHECK_THAT(error_of_exec(oci, {}), Contains("cannot exec in a paused container (use --ignore-paused"));
  RunningProgram late(oci.command_line({"exec", "--ignore-paused", oci.id(), "echo", "ran"}),
                      oci.directory());
  // It is in the container's cgroup, and has not run.
  CHECK(within(kPatience, [&] {
    const auto pids = parse_json(oci.call({"ps", "--format", "json", oci.id()}).out);
    return pids && pids->size() == 2;
  }));
  CHECK(late.out().empty());
  CHECK(oci.status() == "paused");
  REQUIRE(oci.call({"resume", oci.id()}).code == 0);
  CHECK(late.wait().code == 0);
  CHECK(late.out() == "ran\n");
  oci.remove();
}

TEST_CASE("kill and delete take a paused container with an exec that waits") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  RunningProgram late(oci.command_line({"exec", "--ignore-paused", oci.id(), "echo", "ran"}),
                      oci.directory());
  CHECK(within(kPatience, [&] {
    const auto pids = parse_json(oci.call({"ps", "--format", "json", oci.id()}).out);
    return pids && pids->size() == 2;
  }));
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
  CHECK(late.wait().code != 0);
  CHECK(oci.status() == "unknown");
  CHECK(oci.cgroups().empty());
}

// Whether the kill sees its own doing was a race: often lost when the death takes a while, as with much
// memory.
TEST_CASE("a paused container that is killed is not paused any more, even while an exec's end waits") {
  const int round = GENERATE(1, 2, 3);
  INFO(round);
  OciBundle oci;
  oci.launch({"/probe", "eat-memory", "128", "100"});
  CHECK(within(kPatience, [&] { return !oci.output().empty(); }));
  RunningProgram other(oci.command_line({"exec", oci.id(), "sleep", "100"}), oci.directory());
  const Words list = {"ps", oci.id(), "-o", "pid,comm"};
  CHECK(within(kPatience, [&] { return oci.call(list).out.find(" sleep") != std::string::npos; }));
  other.signal(SIGSTOP);  // it does not wait for what it has started, and so the container's init can't end
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  CHECK(oci.status() == "paused");
  CHECK(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  for (int look = 0; look < 10; ++look) {
    CHECK(oci.status() == "running");  // as runc says
    ::poll(nullptr, 0, 10);
  }
  other.signal(SIGCONT);
  CHECK(other.wait().code == 128 + SIGKILL);
  CHECK(oci.becomes("stopped"));
  oci.remove();
}

TEST_CASE("exec finds the scope that systemd made for the container") {
  OciBundle oci;
  const FakeSystemd systemd(oci.directory(), "done");
  const std::string slice = "vialtest" + std::to_string(::getpid());
  oci.spec["linux"]["cgroupsPath"] = slice + ".slice:vial:" + oci.id();
  oci.spec["process"]["args"] = {"sleep", "100"};
  oci.write_config();
  // A /run of its own, with a systemd in it, for the one command that asks systemd.
  Words words = {"unshare",
                 "-m",
                 "sh",
                 "-c",
                 "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/dbus && "
                 "ln -s " +
                     oci.directory() + "/bus /run/dbus/system_bus_socket && exec \"$@\"",
                 "sh"};
  for (const auto& word :
       oci.command_line({"--systemd-cgroup", "create", "--bundle", oci.bundle(), oci.id()}))
    words.push_back(word);
  const Outcome created = run_into_files(words, oci.directory(), "create");
  INFO(created.err);
  REQUIRE(created.code == 0);
  REQUIRE(oci.start().code == 0);
  const std::string scope = "/" + slice + ".slice/vial-" + oci.id() + ".scope";
  size_t inside = 0;
  for (const auto& line : memberships(oci, {})) {
    INFO(line);
    if (is_container_path(oci, line) || contains(line, "/vial-" + oci.id())) {
      CHECK(line.ends_with(":" + scope));
      ++inside;
    }
  }
  CHECK(inside > 0);
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
  CHECK(oci.status() == "unknown");
  for (const auto& name : list_directory("/sys/fs/cgroup").value_or({})) {
    ::rmdir(("/sys/fs/cgroup/" + name + "/" + slice + ".slice").c_str());
    ::rmdir(("/sys/fs/cgroup/" + slice + ".slice").c_str());
  }
}

// CVE-2019-5736: who holds the runtime's file open can write to it as soon as nobody executes it.
TEST_CASE("the runtime as a container's own program is not opened by the others inside") {
  OciBundle oci;
  if (!is_vial_oci() || is_sanitized()) return;  // a sanitizer's program is linked with what no image has
  REQUIRE(::mkfifo(oci.rootfs("/log").c_str(), 0600) == 0);
  REQUIRE(oci.create({"/proc/self/exe", "--log", "/log", "state", "none"}).code == 0);
  REQUIRE(oci.start().code == 0);
  const Outcome outcome = oci.call({"exec", oci.id(), "sh", "-c", "readlink /proc/1/exe; : < /proc/1/exe"});
  CHECK(outcome.code != 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "ermission denied"));
  oci.remove();
}

TEST_CASE("who comes in before the start can't write to the runtime's file") {
  OciBundle oci;
  if (!is_vial_oci()) return;
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  struct statvfs status = {};
  const std::string exe = "/proc/" + std::to_string(oci.state()["pid"].get<int>()) + "/exe";
  REQUIRE(::statvfs(exe.c_str(), &status) == 0);
  CHECK((status.f_flag & ST_RDONLY) != 0);
  CHECK(contains(oci.call({"exec", oci.id(), "readlink", "-v", "/proc/1/exe"}).err, "ermission denied"));
  oci.remove();
}

TEST_CASE("a startContainer hook of a container that starts at once can't write to it either") {
  OciBundle oci;
  if (!is_vial_oci()) return;
  const std::string script = "tr '\\0' '\\n' < /proc/1/environ > /said";
  oci.spec["hooks"]["startContainer"] = {{{"path", "/bin/sh"}, {"args", {"sh", "-c", script}}}};
  CHECK(oci.run({"true"}).code == 0);
  CHECK(contains(read_file(oci.rootfs("/said")).value_or(""), "VIAL_SEALED="));
}
