// Images that want more than to be run: what they ask for is refused or stays inside.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/test_image.h"

namespace {

// A directory of the host that nothing in a container may reach, and what it looks like.
class Canary {
 public:
  explicit Canary(const Vial& vial) : path_(vial.directory() + "/canary") {
    REQUIRE(make_directories(path_, 0700));
    REQUIRE(create_file(path_ + "/file", "untouched"));
    before_ = state();
  }
  const std::string& path() const { return path_; }
  void check() const { CHECK(state() == before_); }

 private:
  std::string state() const {
    std::string text;
    for (const auto& name : {path_, path_ + "/file"}) {
      struct stat info = {};
      REQUIRE(::lstat(name.c_str(), &info) == 0);
      text += std::to_string(info.st_ino) + " " + std::to_string(info.st_mode) + " " +
              std::to_string(info.st_uid) + " " + std::to_string(info.st_nlink) + " " +
              std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + "\n";
    }
    return text + join(list_directory(path_).value_or({}), " ") + read_file(path_ + "/file").value_or("gone");
  }
  std::string path_;
  std::string before_;
};

const Json kShell = {{"Cmd", {"sh"}}};

}  // namespace

TEST_CASE("an image can't ask for variables of the host") {
  const Vial vial;
  ::setenv("SECVAR_HOST", "s3cret", 1);
  for (const char* entry : {"SECVAR_HOST", "SECVAR*", "*", "", "=x"}) {
    INFO(entry);
    const LoadedImage image(vial, {{"Env", {"PATH=/bin", entry}}, {"Cmd", {"sh"}}}, {});
    CHECK(image.load().code != 0);
    CHECK(!contains(image.load().err, "s3cret"));
  }
  ::unsetenv("SECVAR_HOST");
}

TEST_CASE("a FIFO, a directory or a link to the host in place of passwd neither hangs nor leads out") {
  const Vial vial;
  const std::vector<TarEntry> kinds[] = {
      {TarEntry{.name = "etc/passwd", .type = '6'}, TarEntry{.name = "etc/group", .type = '6'}},
      {directory("etc/passwd")},
      {TarEntry{.name = "etc/passwd", .type = '3', .major = 1, .minor = 5}},
      {symlink_to("etc/passwd", "../../../../../../../../etc/passwd")},
      {symlink_to("etc/passwd", "/proc/1/root/etc/passwd")},
  };
  for (const auto& entries : kinds) {
    const LoadedImage image(vial, kShell, {entries});
    // Refused with the file's name, or, where there is nothing at the link's end, as a name that is not
    // there. Whatever it says, it says it at once: ctest's time limit is the judge.
    const Outcome named = image.run({"-u", "daemon"}, {"id"});
    INFO(named.err);
    CHECK(named.code == 125);
    CHECK(contains(named.err, "passwd"));
    const Outcome number = image.run({"-u", "7:7"}, {"true"});
    INFO(number.err);
    CHECK((number.code == 0 || contains(number.err, "/etc/passwd")));
  }
}

TEST_CASE("a user's number that does not fit is refused, never cut to root") {
  const Vial vial;
  const std::vector<TarEntry> accounts = {file(
      "etc/passwd", "root:x:0:0:root:/:/bin/sh\nbig:x:4294967296:0:x:/:/bin/sh\nminus:x:-1:0:x:/:/bin/sh\n")};
  for (const char* user :
       {"big", "minus", "4294967296", "4294967295", "2147483648", "-1", "0:4294967296", "0:0:0"}) {
    const LoadedImage image(vial, {{"Cmd", {"id"}}, {"User", user}}, {accounts});
    if (image.load().code != 0) continue;
    const Outcome outcome = image.run({}, {});
    INFO(user << ": " << outcome.out << outcome.err);
    CHECK(outcome.code == 125);
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("a symbolic link in an image does not lead a mount or a directory out") {
  const Vial vial;
  const Canary canary(vial);
  const std::string up = "../../../../../../../../../.." + canary.path();
  REQUIRE(make_directories(vial.directory() + "/source"));
  for (const auto& target : {canary.path(), up}) {
    const LoadedImage image(
        vial, {{"Cmd", {"sh"}}, {"WorkingDir", "/link/made"}},
        {{symlink_to("link", target), directory("etc"), symlink_to("etc/hosts", target + "/file"),
          symlink_to("etc/hostname", target + "/new"), symlink_to("etc/resolv.conf", target)}});
    (void)image.run({"-v", vial.directory() + "/source:/link/sub"}, {"true"});
    (void)image.run({"--tmpfs", "/link/tmp"}, {"true"});
    (void)image.run({}, {"sh", "-c", "echo x > /etc/hosts; echo x > /etc/hostname"});
    canary.check();
  }
}

TEST_CASE("FIFOs in an image where files of ours go are covered, and nobody waits for them") {
  const Vial vial;
  const LoadedImage image(
      vial, kShell,
      {{directory("etc"), TarEntry{.name = "etc/hosts", .type = '6'},
        TarEntry{.name = "etc/hostname", .type = '6'}, TarEntry{.name = "etc/resolv.conf", .type = '6'}}});
  const Outcome outcome = image.run({"-h", "web"}, {"cat", "/etc/hostname"});
  INFO(outcome.err);
  CHECK(outcome.out == "web\n");
}

// CVE-2019-16884, CVE-2022-23648
TEST_CASE("an image's volumes are made neither over /proc nor outside of the container") {
  const Vial vial;
  const Canary canary(vial);
  for (const std::string& place : {std::string("/proc"), std::string("/proc/sys"), std::string("/"),
                                   std::string(""), std::string("relative")}) {
    const LoadedImage image(vial, {{"Cmd", {"sh"}}, {"Volumes", {{place, Json::object()}}}}, {});
    if (image.load().code != 0) continue;
    const Outcome outcome = image.run({}, {"true"});
    INFO(place << ": " << outcome.err);
    CHECK(outcome.code == 125);
  }
  const LoadedImage image(vial, {{"Cmd", {"sh"}}, {"Volumes", {{"/../../" + canary.path(), Json::object()}}}},
                          {});
  if (image.load().code == 0) (void)image.run({}, {"sh", "-c", "echo x > " + canary.path() + "/file"});
  canary.check();
}

// CVE-2021-30465, CVE-2024-45310: who shares a directory with a container that starts swaps a part of the
// way.
TEST_CASE("a directory that is swapped for a link meanwhile leads no mount out") {
  const Vial vial;
  const Canary canary(vial);
  const std::string shared = vial.directory() + "/shared";
  REQUIRE(make_directories(shared + "/x", 0755));
  REQUIRE(make_directories(vial.directory() + "/source", 0755));
  REQUIRE(sys::symlinkat(canary.path().c_str(), AT_FDCWD, (shared + "/y").c_str()));
  const pid_t swapper = ::fork();
  while (swapper == 0)  // NOLINT(bugprone-infinite-loop): the child, until it is killed
    (void)sys::renameat2(AT_FDCWD, (shared + "/x").c_str(), AT_FDCWD, (shared + "/y").c_str(),
                         RENAME_EXCHANGE);
  REQUIRE(swapper > 0);
  for (int i = 0; i < 20; ++i) {
    (void)vial.run({"run", "--rm", "-v", shared + ":/shared", "-v",
                    vial.directory() + "/source:/shared/x/made", "busybox", "touch", "/shared/x/made/file"});
  }
  REQUIRE(::kill(swapper, SIGKILL) == 0);
  REQUIRE(::waitpid(swapper, nullptr, 0) == swapper);
  canary.check();
}

TEST_CASE("system directories that are links in an image lead nowhere") {
  const Vial vial;
  const Canary canary(vial);
  const std::string core_pattern = read_file("/proc/sys/kernel/core_pattern").value_or("");
  for (const char* name : {"dev", "proc", "sys"}) {
    const LoadedImage image(vial, kShell, {{symlink_to(name, canary.path())}});
    const Outcome outcome = image.run({}, {"echo", "hi"});
    INFO(name << ": " << outcome.code << outcome.out << outcome.err);
    CHECK((outcome.code == 125 || outcome.out == "hi\n"));
    canary.check();
  }
  const LoadedImage null_link(vial, kShell,
                              {{directory("dev"), symlink_to("dev/null", "/proc/sys/kernel/core_pattern")}});
  CHECK(null_link.run({}, {"sh", "-c", "echo '|/x' > /dev/null; echo hi"}).out == "hi\n");
  CHECK(read_file("/proc/sys/kernel/core_pattern").value_or("") == core_pattern);
}

TEST_CASE("a working directory that is a descriptor does not lead out") {
  const Vial vial;
  for (const char* format : {"/proc/self/fd/", "/proc/1/fd/", "/dev/fd/"}) {
    for (int fd = 3; fd < 16; ++fd) {
      const std::string directory = format + std::to_string(fd);
      const Outcome outcome = vial.run({"run", "--rm", "-v", probe_program() + ":/probe:ro", "-w", directory,
                                        "busybox", "/probe", "try", "cwd", "descriptors"});
      INFO(directory << ": " << outcome.out << outcome.err);
      CHECK(!contains(outcome.out, "\"ok\""));
      CHECK((outcome.code != 0 || contains(outcome.out, "\"inside\"")));
    }
  }
}

TEST_CASE("an entrypoint that is the runtime's own program can't change it") {
  const Vial vial;
  const auto before = read_file(program("vial"), size_t{1} << 30U);
  REQUIRE(before);
  const LoadedImage image(
      vial, {{"Entrypoint", {"/run-me"}}},
      {{file("run-me", "#!/proc/self/exe\n", 0755), symlink_to("bin/again", "/proc/self/exe")}});
  (void)image.run({}, {});
  (void)image.run({"--entrypoint", "/proc/self/exe"}, {});
  (void)image.run({"--entrypoint", "/bin/again"}, {});
  const Json tried =
      vial.inside({"--cap-add", "SYS_PTRACE", "--pid", "host", "--security-opt", "seccomp=unconfined"},
                  {"try", "write:/proc/self/exe"});
  CHECK(tried["write:/proc/self/exe"] != "ok");
  const auto after = read_file(program("vial"), size_t{1} << 30U);
  REQUIRE(after);
  CHECK(sha256(*before) == sha256(*after));
}

TEST_CASE("an image of a hundred layers runs") {
  const Vial vial;
  std::vector<std::vector<TarEntry>> layers;
  for (int i = 0; i < 99; ++i)
    layers.push_back({file("file" + std::to_string(i), std::to_string(i)), file("last", std::to_string(i))});
  const LoadedImage image(vial, kShell, layers);
  const Outcome outcome = image.run({}, {"cat", "file0", "file50", "file98", "last"});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "0509898");
}

TEST_CASE("an image without directories for the mounts gets them") {
  const Vial vial;
  const LoadedImage image(vial, kShell, {});
  CHECK(image.run({"-v", vial.directory() + ":/a/b/c"}, {"sh", "-c", "ls -d /a/b/c /proc /sys /dev"}).code ==
        0);
}
