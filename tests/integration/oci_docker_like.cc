#include "tests/integration/oci_docker_like.h"

#include <catch2/catch.hpp>

#include "base/strings.h"
#include "tests/integration/running_program.h"

namespace {

std::string memory_of(const DockerLike& program, const std::string& id) {
  return program.rig().cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max");
}

std::string mebibytes(unsigned count) {
  return std::to_string(count << 20U);
}

}  // namespace

bool DockerLike::logs(const std::string& name, const std::string& text) const {
  return within(kPatience, [&] { return contains(call({"logs", name}).out, text); });
}

void runs_to_the_end(const DockerLike& program) {
  const Outcome hello = program.run({"--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"});
  CHECK(hello.out == "out\n");
  CHECK(contains(hello.err, "err\n"));
  CHECK(hello.code == 7);
  CHECK(program.run({"--rm", "busybox", "no-such-program"}).code == 127);
  CHECK(program.run({"--rm", "busybox", "/etc"}).code == 126);
  CHECK(program.run({"--rm", "busybox", "/etc/passwd"}).code == 126);
  const Outcome fixed = program.run({"--rm", "--read-only", "--user", "1:100", "busybox", "sh", "-c",
                                     "id -u; id -g; echo $HOME | cut -c1 > /dev/stdout; touch /x"});
  CHECK(fixed.out == "1\n100\n/\n");
  CHECK(contains(fixed.err, "Read-only file system"));
  CHECK(program
            .run({"--rm", "-w", "/tmp", "-e", "A=b c", "--hostname", "here", "busybox", "sh", "-c",
                  "pwd; echo $A; hostname"})
            .out == "/tmp\nb c\nhere\n");
  const Outcome mounts =
      program.run({"--rm", "--tmpfs", "/t", "-v", program.rig().directory() + "/calls:/v:ro", "busybox", "sh",
                   "-c", "touch /t/x && ! touch /v/x"});
  CHECK(mounts.code == 0);
}

void keeps_limits(const DockerLike& program) {
  CHECK(program.run({"--name", "eater", "-m", "32m", "busybox", "tail", "/dev/zero"}).code == 137);
  program.must({"rm", "eater"});
  const std::string id =
      program.must(program.run_words({"-d", "-m", "64m", "--pids-limit", "50", "busybox", "sleep", "100"}));
  CHECK(memory_of(program, id) == mebibytes(64));
  CHECK(program.rig().cgroup_file(id, "pids", "pids.max", "pids.max") == "50");
  program.must({"update", "--memory", "96m", "--memory-swap", "192m", id});
  CHECK(memory_of(program, id) == mebibytes(96));
  CHECK(contains(program.must({"stats", "--no-stream", id}), id.substr(0, 12)));
  program.must({"kill", id});
  program.must({"rm", "-f", id});
}

void looks_after_one(const DockerLike& program) {
  program.must(
      program.run_words({"-d", "--name", "dd", "busybox", "sh", "-c",
                         "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done"}));
  REQUIRE(program.logs("dd", "ready"));
  CHECK(program.must({"exec", "dd", "echo", "inside"}) == "inside");
  CHECK(program.call({"exec", "dd", "sh", "-c", "exit 9"}).code == 9);
  const int missing = program.call({"exec", "dd", "no-such-program"}).code;
  CHECK((missing == 126 || missing == 127));  // 126 in docker 20.10
  CHECK(program.call({"exec", "dd", "/etc"}).code == 126);
  CHECK(program.must({"exec", "-u", "1:100", "-e", "A=b", "-w", "/tmp", "dd", "sh", "-c",
                      "echo $(id -u) $A $(pwd)"}) == "1 b /tmp");
  CHECK(contains(program.must({"top", "dd"}), "sleep"));
  program.must({"pause", "dd"});
  CHECK(program.must({"inspect", "-f", "{{.State.Status}}", "dd"}) == "paused");
  program.must({"unpause", "dd"});
  program.must({"stop", "-t", "10", "dd"});
  CHECK(program.must({"inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "dd"}) == "exited 3");
  CHECK(contains(program.must({"logs", "dd"}), "told"));
  program.must({"start", "dd"});
  program.must({"kill", "dd"});
  CHECK(program.must({"wait", "dd"}) == "137");
  program.must({"rm", "dd"});
}

void gives_a_terminal(const DockerLike& program) {
  TerminalProgram shell(program.line(program.run_words({"--rm", "-it", "--name", "tt", "busybox", "sh"})), 33,
                        101);
  shell.type("tty; until stty size | grep '33 101'; do sleep 0.05; done\n");
  CHECK(shell.shows("/dev/pts/0"));
  CHECK(shell.shows("\n33 101"));
  TerminalProgram second(program.line({"exec", "-it", "tt", "sh"}), 20, 70);
  // The caller sets the size when the process runs already.
  second.type("until stty size | grep '20 70'; do sleep 0.05; done; exit 4\n");
  CHECK(second.shows("\n20 70"));
  CHECK(second.wait() == 4);
  shell.type("exit 5\n");
  CHECK(shell.wait() == 5);
}

void works_in_brief(const DockerLike& program) {
  CHECK(program.run({"--rm", "--read-only", "busybox", "sh", "-c", "! touch /x && exit 7"}).code == 7);
  CHECK(program.run({"--rm", "busybox", "no-such-program"}).code == 127);
  const std::string id =
      program.must(program.run_words({"-d", "-m", "64m", "--pids-limit", "50", "busybox", "sleep", "100"}));
  CHECK(memory_of(program, id) == mebibytes(64));
  CHECK(program.call({"exec", id, "sh", "-c", "exit 9"}).code == 9);
  program.must({"update", "--memory", "96m", "--memory-swap", "192m", id});
  CHECK(memory_of(program, id) == mebibytes(96));
  program.must({"pause", id});
  program.must({"unpause", id});
  program.must({"kill", id});
  program.must({"rm", "-f", id});
}
