// Data roots that are full or read-only, and loads that are killed: a clear error, and nothing is lost or
// left.
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <ctime>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

// A data root on a file system of its own.
class SmallDisk {
 public:
  SmallDisk(const Vial& vial, const std::string& size) : base_(vial.directory()) {
    REQUIRE(make_directories(base_ + "/disk", 0700));
    REQUIRE(::mount("small", (base_ + "/disk").c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0);
  }
  ~SmallDisk() {
    // A monitor may still be deleting.
    CHECK(within(kPatience, [&] { return ::umount2((base_ + "/disk").c_str(), 0) == 0; }));
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  Words command_line(const Words& words) const {
    Words line = {program("vial"), "--root", base_ + "/disk/data", "--run-root", base_ + "/run"};
    line.insert(line.end(), words.begin(), words.end());
    return line;
  }
  Outcome run(const Words& words) const {
    const auto output = run_command(command_line(words));
    REQUIRE(output);
    return {output->status.shell_code(), output->out, output->err};
  }
  void change(unsigned long flags, const std::string& size) const {
    REQUIRE(::mount("small", (base_ + "/disk").c_str(), "tmpfs", MS_REMOUNT | flags,
                    ("size=" + size).c_str()) == 0);
  }
  std::string path(const std::string& name) const { return base_ + "/disk/data/" + name; }

 private:
  std::string base_;
};

}  // namespace

TEST_CASE("an image that does not fit is not loaded, and leaves its room to others") {
  const Vial vial;
  const SmallDisk disk(vial, "1m");
  REQUIRE(disk.run({"load", "-qi", sample_archive("hello")}).code == 0);
  const auto full = disk.run({"load", "-i", sample_archive("busybox")});
  CHECK(full.code == 1);
  CHECK(full.out.empty());
  CHECK_THAT(full.err, Contains("No space left on device"));
  CHECK(list_directory(disk.path("staging")).value_or({}).empty());
  CHECK(disk.run({"images", "--format", "{{.Repository}}"}).out == "hello\n");
  CHECK(disk.run({"run", "--rm", "hello"}).code == 0);
  disk.change(0, "20m");
  CHECK(disk.run({"load", "-qi", sample_archive("busybox")}).code == 0);
  CHECK(disk.run({"run", "--rm", "busybox", "echo", "fits"}).out == "fits\n");
}

TEST_CASE("a full disk: no new container, the old ones run, end and go") {
  const Vial vial;
  const SmallDisk disk(vial, "8m");
  REQUIRE(disk.run({"load", "-qi", sample_archive("busybox")}).code == 0);
  REQUIRE(disk.run({"create", "--name", "old", "busybox", "echo", "from a full disk"}).code == 0);
  REQUIRE(disk.run({"run", "-d", "--name", "runs", "busybox", "sleep", "1000"}).code == 0);
  const auto filled =
      run_command({"dd", "if=/dev/zero", "of=" + disk.path("filler"), "bs=4096", "status=none"});
  REQUIRE(filled);
  CHECK(filled->status.shell_code() == 1);
  const auto refused = disk.run({"run", "--rm", "--name", "new", "busybox", "true"});
  CHECK(refused.code == 125);
  CHECK_THAT(refused.err, Contains("No space left on device"));
  CHECK_FALSE(contains(disk.run({"ps", "-a"}).out, " new"));
  CHECK(disk.run({"exec", "runs", "echo", "here"}).out == "here\n");
  CHECK(disk.run({"stop", "-t", "0", "runs"}).code == 0);
  CHECK(disk.run({"ps", "-q"}).out.empty());
  CHECK(disk.run({"rm", "runs"}).code == 0);
  REQUIRE(remove_tree(disk.path("filler")));
  CHECK(disk.run({"start", "-a", "old"}).out == "from a full disk\n");
  CHECK(disk.run({"rm", "old"}).code == 0);
}

TEST_CASE("a container that fills the disk sees it, and ends and is removed as any other") {
  const Vial vial;
  const SmallDisk disk(vial, "8m");
  REQUIRE(disk.run({"load", "-qi", sample_archive("busybox")}).code == 0);
  const auto filled =
      disk.run({"run", "--name", "greedy", "busybox", "sh", "-c", "cat /dev/zero >/file; exit 6"});
  CHECK(filled.code == 6);
  CHECK_THAT(filled.err, Contains("No space left on device"));
  CHECK(disk.run({"inspect", "-f", "{{.State.Status}}", "greedy"}).out == "exited\n");
  CHECK(disk.run({"rm", "greedy"}).code == 0);
  CHECK(disk.run({"run", "--rm", "busybox", "echo", "room again"}).out == "room again\n");
}

TEST_CASE("a read-only data root: what can be read is shown, the rest is a clear error") {
  const Vial vial;
  const SmallDisk disk(vial, "20m");
  REQUIRE(disk.run({"load", "-qi", sample_archive("busybox")}).code == 0);
  REQUIRE(disk.run({"create", "--name", "kept", "busybox", "echo", "kept"}).code == 0);
  disk.change(MS_RDONLY, "20m");
  CHECK_THAT(disk.run({"images"}).out, Contains("busybox"));
  CHECK_THAT(disk.run({"ps", "-a"}).out, Contains("kept"));
  const std::vector<Words> changes = {{"run", "--rm", "busybox", "true"},
                                      {"create", "busybox"},
                                      {"rm", "kept"},
                                      {"rmi", "busybox"},
                                      {"start", "kept"},
                                      {"load", "-i", sample_archive("hello")}};
  for (const Words& words : changes) {
    const auto refused = disk.run(words);
    INFO(shell_words(words) << ": " << refused.code << " " << refused.err);
    CHECK(refused.code != 0);
    CHECK_THAT(refused.err, Contains("Read-only file system"));
  }
  disk.change(0, "20m");
  CHECK(disk.run({"start", "-a", "kept"}).out == "kept\n");
  CHECK(disk.run({"rm", "kept"}).code == 0);
}

TEST_CASE("a load that is killed at any time can be done again and leaves no half") {
  const Vial vial;
  const SmallDisk disk(vial, "30m");
  const int rounds = in_vm() ? 3 : 15;
  for (int i = 0; i < rounds; ++i) {
    RunningProgram load(disk.command_line({"load", "-i", sample_archive("busybox")}), vial.directory());
    const timespec moment = {0, i * (in_vm() ? 200'000'000L : 2'000'000L)};
    ::nanosleep(&moment, nullptr);
    (void)::kill(load.pid(), SIGKILL);
    (void)load.wait();
    const auto listed = disk.run({"images", "-q"});
    CHECK(listed.code == 0);
    if (!listed.out.empty()) CHECK(disk.run({"run", "--rm", "busybox", "echo", "whole"}).out == "whole\n");
    CHECK(disk.run({"load", "-qi", sample_archive("busybox")}).code == 0);
    CHECK(disk.run({"run", "--rm", "busybox", "echo", "whole"}).out == "whole\n");
    CHECK(list_directory(disk.path("staging")).value_or({}).empty());
    CHECK(disk.run({"rmi", "busybox"}).code == 0);
    CHECK(list_directory(disk.path("layers")).value_or({}).empty());
  }
}
