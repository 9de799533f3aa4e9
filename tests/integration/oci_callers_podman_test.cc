// Debian's podman with our runtime, as its users type it. The images are on podman's own overlay store.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/leaks.h"
#include "tests/integration/oci_callers.h"
#include "tests/integration/running_program.h"

namespace {

bool text_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Podman {
 public:
  Podman() {
    Words load = {"load", "-q", "-i", rig_.image()};
    must(load);
  }
  ~Podman() {
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

  Words line(const Words& words) const {
    const std::string own = rig_.directory();
    Words all = {"/usr/bin/podman", "--root",           own + "/root", "--runroot",
                 own + "/run",      "--tmpdir",         own + "/tmp",  "--cgroup-manager",
                 "cgroupfs",        "--events-backend", "file",        "--runtime",
                 oci_runtime()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  // podman's own defaults are above what a root without CAP_SYS_RESOURCE may set.
  Words run_words(const Words& words) const {
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
  Outcome call(const Words& words) const { return rig_.call(line(words)); }
  Outcome run(const Words& words) const { return call(run_words(words)); }
  std::string must(const Words& words) const { return rig_.must(line(words)); }
  const CallerRig& rig() const { return rig_; }
  bool logs(const std::string& name, const std::string& text) const {
    return within(kPatience, [&] { return text_has(call({"logs", name}).out, text); });
  }

 private:
  CallerRig rig_;
};

}  // namespace

TEST_CASE("podman runs commands to their end") {
  const Podman podman;
  const Outcome hello = podman.run({"--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"});
  CHECK(hello.out == "out\n");
  CHECK(text_has(hello.err, "err\n"));
  CHECK(hello.code == 7);
  CHECK(podman.run({"--rm", "busybox", "no-such-program"}).code == 127);
  CHECK(podman.run({"--rm", "busybox", "/etc"}).code == 126);
  CHECK(podman.run({"--rm", "busybox", "/etc/passwd"}).code == 126);
  CHECK(podman.run({"--rm", "-w", "/tmp", "busybox", "pwd"}).out == "/tmp\n");
  CHECK(podman.run({"--rm", "--user", "1:100", "busybox", "sh", "-c", "id -u; id -g"}).out == "1\n100\n");
  const Outcome fixed = podman.run({"--rm", "--read-only", "busybox", "touch", "/x"});
  CHECK(fixed.code == 1);
  CHECK(text_has(fixed.err, "Read-only file system"));
  CHECK(text_has(podman.run({"--rm", "--init", "--init-path", program("vial-init"), "busybox", "ps"}).out,
                 "ps\n"));
  CHECK(podman.run({"--rm", "-e", "A=b c", "--hostname", "here", "busybox", "sh", "-c", "echo $A; hostname"})
            .out == "b c\nhere\n");
  CHECK(podman
            .run({"--rm", "--tmpfs", "/t", "-v", podman.rig().directory() + "/calls:/v:ro", "busybox", "sh",
                  "-c", "touch /t/x && ! touch /v/x"})
            .code == 0);
}

TEST_CASE("podman's limits hold") {
  const Podman podman;
  const Outcome eater = podman.run({"--name", "eater", "-m", "32m", "busybox", "tail", "/dev/zero"});
  CHECK(eater.code == 137);
  podman.must({"rm", "eater"});
  const std::string id =
      podman.must(podman.run_words({"-d", "-m", "64m", "--pids-limit", "50", "busybox", "sleep", "100"}));
  const auto& rig = podman.rig();
  CHECK(rig.cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(64U << 20U));
  CHECK(rig.cgroup_file(id, "pids", "pids.max", "pids.max") == "50");
  podman.must({"update", "--memory", "96m", id});
  CHECK(rig.cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(96U << 20U));
  CHECK(text_has(podman.must({"stats", "--no-stream", id}), id.substr(0, 12)));
  podman.must({"rm", "-f", "-t", "0", id});
}

TEST_CASE("podman looks after a container in the background") {
  const Podman podman;
  podman.must(podman.run_words({"-d", "--name", "d", "busybox", "sh", "-c",
                                "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done"}));
  REQUIRE(podman.logs("d", "ready"));
  CHECK(podman.must({"exec", "d", "echo", "inside"}) == "inside");
  CHECK(podman.call({"exec", "d", "sh", "-c", "exit 9"}).code == 9);
  CHECK(podman.call({"exec", "d", "no-such-program"}).code == 127);
  CHECK(podman.call({"exec", "d", "/etc"}).code == 126);
  CHECK(podman.must({"exec", "--user", "1:100", "-e", "A=b", "-w", "/tmp", "d", "sh", "-c",
                     "echo $(id -u) $A $(pwd)"}) == "1 b /tmp");
  CHECK(text_has(podman.must({"top", "d"}), "sleep"));
  podman.must({"pause", "d"});
  CHECK(podman.must({"inspect", "-f", "{{.State.Status}}", "d"}) == "paused");
  podman.must({"unpause", "d"});
  podman.must({"stop", "-t", "10", "d"});
  CHECK(podman.must({"inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "d"}) == "exited 3");
  CHECK(text_has(podman.must({"logs", "d"}), "told"));
  podman.must({"start", "d"});
  podman.must({"kill", "d"});
  CHECK(podman.must({"wait", "d"}) == "137");
  podman.must({"rm", "d"});
}

TEST_CASE("podman gives a container a terminal") {
  const Podman podman;
  {
    TerminalProgram shell(podman.line(podman.run_words({"--rm", "-it", "--name", "t", "busybox", "sh"})), 33,
                          101);
    shell.type("tty; until stty size | grep '33 101'; do sleep 0.05; done\n");
    CHECK(shell.shows("/dev/pts/0"));
    CHECK(shell.shows("\n33 101"));
    TerminalProgram second(podman.line({"exec", "-it", "t", "sh"}), 20, 70);
    // The caller sets the size when the process runs already.
    second.type("until stty size | grep '20 70'; do sleep 0.05; done; exit 4\n");
    CHECK(second.shows("\n20 70"));
    CHECK(second.wait() == 4);
    shell.type("exit 5\n");
    CHECK(shell.wait() == 5);
  }
}

// For the emulated machine, where a command of podman's takes seconds.
TEST_CASE("podman, in brief", "[brief]") {
  const Podman podman;
  CHECK(podman.run({"--rm", "--read-only", "busybox", "sh", "-c", "! touch /x && exit 7"}).code == 7);
  CHECK(podman.run({"--rm", "busybox", "no-such-program"}).code == 127);
  const std::string id =
      podman.must(podman.run_words({"-d", "-m", "64m", "--pids-limit", "50", "busybox", "sleep", "100"}));
  CHECK(podman.rig().cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max") ==
        std::to_string(64U << 20U));
  CHECK(podman.call({"exec", id, "sh", "-c", "exit 9"}).code == 9);
  podman.must({"update", "--memory", "96m", id});
  CHECK(podman.rig().cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max") ==
        std::to_string(96U << 20U));
  podman.must({"pause", id});
  podman.must({"unpause", id});
  podman.must({"rm", "-f", "-t", "0", id});
}
