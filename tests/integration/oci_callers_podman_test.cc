// Debian's podman with our runtime, as its users type it. The images are on podman's own overlay store.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/leaks.h"
#include "tests/integration/oci_docker_like.h"
#include "tests/integration/running_program.h"

namespace {

class Podman : public DockerLike {
 public:
  Podman() {
    Words load = {"load", "-q", "-i", rig_.image()};
    must(load);
  }
  ~Podman() override {
    (void)call({"rm", "-f", "-t", "0", "-a"});
    (void)call({"rmi", "-f", "-a"});
    // conmon's `podman container cleanup` may go on for a while, and mounts these once more.
    (void)within(kPatience, [] { return living_children().empty(); });
    // What podman itself keeps mounted, with or without containers.
    for (const char* place : {"/root/overlay", "/run"})
      (void)run_into_files({"umount", rig_.directory() + place}, rig_.directory());
  }
  Podman(const Podman&) = delete;
  Podman& operator=(const Podman&) = delete;

  Words line(const Words& words) const override {
    const std::string own = rig_.directory();
    Words all = {"/usr/bin/podman", "--root",           own + "/root", "--runroot",
                 own + "/run",      "--tmpdir",         own + "/tmp",  "--cgroup-manager",
                 "cgroupfs",        "--events-backend", "file",        "--runtime",
                 oci_runtime()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  // podman's own defaults are above what a root without CAP_SYS_RESOURCE may set.
  Words run_words(const Words& words) const override {
    Words all = {"run",
                 "--network",
                 "none",
                 "--ulimit",
                 "nofile=1024:2048",
                 "--ulimit",
                 "nproc=4096:4096",
                 "--cgroup-parent",
                 "/" + rig_.name()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
};

}  // namespace

TEST_CASE("podman runs commands to their end") {
  const Podman podman;
  runs_to_the_end(podman);
  const Outcome processes =
      podman.run({"--rm", "--init", "--init-path", program("vial-init"), "busybox", "ps"});
  CHECK(contains(processes.out, "ps\n"));
}

TEST_CASE("podman's limits hold") {
  const Podman podman;
  keeps_limits(podman);
}

TEST_CASE("podman looks after a container in the background") {
  const Podman podman;
  looks_after_one(podman);
}

TEST_CASE("podman gives a container a terminal") {
  const Podman podman;
  gives_a_terminal(podman);
}

TEST_CASE("podman, in brief", "[brief]") {
  const Podman podman;
  works_in_brief(podman);
}

TEST_CASE("podman maps users and gives such a container a device under another name") {
  const Podman podman;
  const Outcome outcome = podman.run({"--rm", "--uidmap", "0:100000:65536", "--device", "/dev/zero:/dev/own",
                                      "busybox", "sh", "-c",
                                      "cat /proc/self/uid_map; stat -c '%F %t:%T %u' /dev/own; head -c 2 "
                                      "/dev/own | wc -c"});
  INFO(outcome.err);
  CHECK(contains(outcome.out, " 100000 "));
  CHECK(contains(outcome.out, "character special file 1:5 0\n2\n"));
}
