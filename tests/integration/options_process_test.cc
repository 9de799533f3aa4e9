// Options that say what runs: user, groups, directory, environment, entrypoint, limits, init.
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/vial_fixture.h"

namespace {

std::set<std::string> environment_of(const Json& report) {
  return report["environment"].get<std::set<std::string>>();
}

}  // namespace

TEST_CASE("a user is found in the image by name or number") {
  const Vial vial;
  const auto ids = [&](const Words& options) { return vial.shell(options, "id").out; };
  CHECK(ids({"-u", "nobody"}) == "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n");
  CHECK(ids({"-u", "65534"}) == "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n");
  CHECK(ids({"-u", "1234"}) == "uid=1234 gid=0(root) groups=0(root)\n");
  CHECK(ids({"-u", "1234:77"}) == "uid=1234 gid=77 groups=77\n");
  CHECK(ids({"-u", "daemon:users"}) == "uid=1(daemon) gid=100(users) groups=100(users)\n");
  CHECK(ids({"-u", "0:0"}) == "uid=0(root) gid=0(root) groups=0(root)\n");
  CHECK(vial.shell({"-u", "nobody"}, "echo $HOME").out == "/home\n");
}

TEST_CASE("groups are added by name and number") {
  const Vial vial;
  const Json report = vial.inside({"--group-add", "users", "--group-add", "77", "-u", "daemon"});
  CHECK(report["groups"].get<std::set<int>>() == std::set<int>{1, 77, 100});
  CHECK(report["gid"]["real"] == 1);
}

TEST_CASE("an unknown user or group is refused in Docker's words") {
  const Vial vial;
  const Outcome user = vial.run({"run", "--rm", "-u", "nix", "busybox", "true"});
  CHECK(user.code == 125);
  CHECK(contains(user.err, "unable to find user nix: no matching entries in passwd file"));
  const Outcome group = vial.run({"run", "--rm", "-u", "root:nix", "busybox", "true"});
  CHECK(group.code == 125);
  CHECK(contains(group.err, "unable to find group nix: no matching entries in group file"));
  for (const char* wrong : {"-1", "4294967296", "2147483648", "99999999999999999999"}) {
    INFO(wrong);
    CHECK(vial.run({"run", "--rm", "-u", wrong, "busybox", "true"}).code == 125);
  }
}

TEST_CASE("the working directory is made when it is not there") {
  const Vial vial;
  CHECK(vial.shell({"-w", "/a/b/c"}, "pwd").out == "/a/b/c\n");
  CHECK(vial.shell({"--read-only", "-w", "/tmp"}, "pwd").out == "/tmp\n");
  const Outcome relative = vial.run({"run", "--rm", "-w", "rel", "busybox", "pwd"});
  CHECK(relative.code == 125);
  CHECK(contains(relative.err, "the working directory 'rel' is invalid, it needs to be an absolute path"));
}

TEST_CASE("the environment is the image's and what was asked for, nothing of the caller's") {
  const Vial vial;
  ::setenv("VIAL_TEST_SECRET", "s3cret", 1);
  ::setenv("VIAL_TEST_WANTED", "yes", 1);
  const Json report =
      vial.inside({"-e", "VIAL_TEST_WANTED", "-e", "A=b", "-e", "EMPTY=", "-e", "VIAL_TEST_ABSENT"});
  const std::string hostname = report["hostname"].get<std::string>();
  CHECK(environment_of(report) ==
        std::set<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                              "HOSTNAME=" + hostname, "HOME=/root", "VIAL_TEST_WANTED=yes", "A=b", "EMPTY="});
  ::unsetenv("VIAL_TEST_SECRET");
  ::unsetenv("VIAL_TEST_WANTED");
  CHECK(environment_of(vial.inside({"-e", "PATH=/x"})).count("PATH=/x") == 1);
}

TEST_CASE("an environment file has lines, comments and names from the caller") {
  const Vial vial;
  ::setenv("VIAL_TEST_WANTED", "yes", 1);
  const std::string path = vial.directory() + "/env";
  REQUIRE(create_file(path, "# comment\n\nA=1 # kept\nVIAL_TEST_WANTED\nB=\"quoted\"\nC=overridden\n"));
  const auto environment = environment_of(vial.inside({"--env-file", path, "-e", "C=c"}));
  for (const char* entry : {"A=1 # kept", "VIAL_TEST_WANTED=yes", "B=\"quoted\"", "C=c"})
    CHECK(environment.count(entry) == 1);
  ::unsetenv("VIAL_TEST_WANTED");
  REQUIRE(replace_file(path, "A B=1\n"));
  CHECK(vial.run({"run", "--rm", "--env-file", path, "busybox", "true"}).code == 125);
  CHECK(vial.run({"run", "--rm", "--env-file", "/nonexistent", "busybox", "true"}).code == 125);
}

TEST_CASE("the entrypoint is replaced or cleared") {
  const Vial vial;
  CHECK(vial.run({"run", "--rm", "--entrypoint", "echo", "busybox", "a", "b"}).out == "a b\n");
  CHECK(vial.run({"run", "--rm", "--entrypoint", "", "busybox", "echo", "a"}).out == "a\n");
  CHECK(vial.run({"run", "--rm", "--entrypoint", "/bin/nix", "busybox"}).code == 127);
}

TEST_CASE("resource limits are set, soft and hard") {
  const Vial vial;
  const Json limits =
      vial.inside({"--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "nproc=99"})["rlimits"];
  CHECK(limits["nofile"]["soft"] == 100);
  CHECK(limits["nofile"]["hard"] == 200);
  CHECK(limits["core"]["hard"] == 0);
  CHECK(limits["nproc"]["soft"] == 99);
  CHECK(vial.run({"run", "--rm", "--ulimit", "nofile=200:100", "busybox", "true"}).code == 125);
  CHECK(vial.run({"run", "--rm", "--ulimit", "wings=1", "busybox", "true"}).code == 125);
}

TEST_CASE("with --init pid 1 is ours, orphans are reaped and the exit code is the program's") {
  const Vial vial;
  // The grandchild becomes an orphan, ends, and is a zombie until pid 1 waits for it. `sleep` as pid 1 never
  // does.
  const std::string leave_orphan = "(sh -c 'sleep 0.1 & exec true' &); ";
  const std::string count_zombies = "grep -h '^State:' /proc/[0-9]*/status | grep -c Z; ";
  const Outcome outcome = vial.shell(
      {"--init"}, leave_orphan + "sleep 0.4; " + count_zombies + "cut -d ' ' -f 2 /proc/1/stat; exit 7");
  CHECK(outcome.code == 7);
  CHECK(outcome.out == "0\n(init)\n");
  // The positive control: an orphan of a pid 1 that does not wait stays.
  const Outcome without =
      vial.shell({}, "(sh -c 'sleep 0.1 & exec true'; sleep 0.4; " + count_zombies + ") & exec sleep 0.7");
  CHECK(without.out == "1\n");
}

TEST_CASE("--init forwards the signal to stop") {
  const Vial vial;
  REQUIRE(vial.run({"run", "-d", "--init", "--name", "job", "busybox", "sh", "-c",
                    "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done"})
              .code == 0);
  for (int tries = 0; tries < 200 && !contains(vial.run({"logs", "job"}).out, "ready"); ++tries) {
  }
  CHECK(vial.run({"stop", "-t", "10", "job"}).code == 0);
  CHECK(vial.run({"inspect", "--format", "{{.State.ExitCode}}", "job"}).out == "3\n");
  CHECK(contains(vial.run({"logs", "job"}).out, "got it"));
  CHECK(vial.run({"rm", "job"}).code == 0);
}

TEST_CASE("exit codes are Docker's") {
  const Vial vial;
  CHECK(vial.shell({}, "exit 42").code == 42);
  CHECK(vial.shell({}, "kill -9 $$; sleep 1").code == 0);  // pid 1 ignores what it can
  CHECK(vial.shell({"--init"}, "kill -9 $$").code == 137);
  CHECK(vial.run({"run", "--rm", "busybox", "nix"}).code == 127);
  CHECK(vial.run({"run", "--rm", "busybox", "/etc/passwd"}).code == 126);
  CHECK(vial.run({"run", "--rm", "--nix", "busybox"}).code == 125);
}
