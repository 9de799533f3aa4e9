// Debian's docker with our runtime as another --runtime, on a network of its own.
#include <catch2/catch.hpp>
#include <memory>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_callers.h"
#include "tests/integration/running_program.h"

namespace {

bool text_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// dockerd starts a containerd of its own. Its bridge is in the network namespace that it is started in.
class Docker {
 public:
  Docker() : daemon_(daemon_line(rig_), rig_.directory() + "/log", [this] { return answers(); }) {
    must({"load", "-q", "-i", rig_.image()});
  }
  ~Docker() {
    Words remove = {"rm", "-f"};
    for (const auto& id : split(trim(call({"ps", "-aq"}).out), '\n'))
      remove.push_back(id);
    if (!remove.back().empty() && remove.size() > 2) (void)call(remove);
    const std::string state = rig_.directory() + "/exec/runtime-own/moby";
    const auto left = list_directory(state).value_or({});
    INFO("left in " << state << ": " << shell_words(left));
    CHECK(left.empty());
  }
  Docker(const Docker&) = delete;
  Docker& operator=(const Docker&) = delete;

  Words line(const Words& words) const {
    Words all = {"/usr/bin/docker", "-H", "unix://" + rig_.directory() + "/sock"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  static Words run_words(const Words& words) {
    Words all = {"run", "--runtime", "own"};
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
  static Words daemon_line(const CallerRig& rig) {
    const std::string own = rig.directory();
    return {"/usr/sbin/dockerd",
            "--data-root",
            own + "/data",
            "--exec-root",
            own + "/exec",
            "-p",
            own + "/pid",
            "-H",
            "unix://" + own + "/sock",
            "--cgroup-parent",
            "/" + rig.name(),
            "--add-runtime",
            "own=" + oci_runtime()};
  }
  bool answers() const { return path_exists(rig_.directory() + "/sock") && call({"version"}).code == 0; }

  CallerRig rig_;
  Daemon daemon_;
};

void run_to_the_end(const Docker& docker) {
  const Outcome hello = docker.run({"--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"});
  CHECK(hello.out == "out\n");
  CHECK(text_has(hello.err, "err\n"));
  CHECK(hello.code == 7);
  CHECK(docker.run({"--rm", "busybox", "no-such-program"}).code == 127);
  CHECK(docker.run({"--rm", "busybox", "/etc"}).code == 126);
  CHECK(docker.run({"--rm", "busybox", "/etc/passwd"}).code == 126);
  const Outcome fixed =
      docker.run({"--rm", "--read-only", "--user", "1:100", "busybox", "sh", "-c", "id -u; id -g; touch /x"});
  CHECK(fixed.out == "1\n100\n");
  CHECK(text_has(fixed.err, "Read-only file system"));
  // A network: docker's libnetwork joins it by a prestart hook.
  const Outcome network =
      docker.run({"--rm", "--init", "--hostname", "here", "busybox", "sh", "-c", "hostname; ip addr; ps"});
  CHECK(text_has(network.out, "here\n"));
  CHECK(text_has(network.out, "eth0"));
  CHECK(text_has(network.out, "docker-init"));
  CHECK(docker.run({"--rm", "-m", "32m", "busybox", "tail", "/dev/zero"}).code == 137);
}

void look_after_one(const Docker& docker) {
  const std::string id = docker.must(
      Docker::run_words({"-d", "--name", "dd", "-m", "64m", "--pids-limit", "50", "busybox", "sh", "-c",
                         "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done"}));
  REQUIRE(docker.logs("dd", "ready"));
  const auto& rig = docker.rig();
  CHECK(rig.cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(64U << 20U));
  CHECK(rig.cgroup_file(id, "pids", "pids.max", "pids.max") == "50");
  docker.must({"update", "-m", "96m", "--memory-swap", "192m", "dd"});
  CHECK(rig.cgroup_file(id, "memory", "memory.limit_in_bytes", "memory.max") == std::to_string(96U << 20U));
  CHECK(docker.must({"exec", "dd", "echo", "inside"}) == "inside");
  CHECK(docker.call({"exec", "dd", "sh", "-c", "exit 9"}).code == 9);
  const Outcome missing = docker.call({"exec", "dd", "no-such-program"});
  CHECK((missing.code == 126 || missing.code == 127));  // 126 in docker 20.10
  CHECK(docker.must({"exec", "-u", "1:100", "-e", "A=b", "-w", "/tmp", "dd", "sh", "-c",
                     "echo $(id -u) $A $(pwd)"}) == "1 b /tmp");
  CHECK(text_has(docker.must({"top", "dd"}), "sleep"));
  docker.must({"pause", "dd"});
  CHECK(docker.must({"inspect", "-f", "{{.State.Status}}", "dd"}) == "paused");
  docker.must({"unpause", "dd"});
  docker.must({"stop", "-t", "10", "dd"});
  CHECK(docker.must({"inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "dd"}) == "exited 3");
  CHECK(text_has(docker.must({"logs", "dd"}), "told"));
  docker.must({"start", "dd"});
  docker.must({"kill", "dd"});
  CHECK(docker.must({"wait", "dd"}) == "137");
  docker.must({"rm", "dd"});
}

void use_a_terminal(const Docker& docker) {
  TerminalProgram shell(docker.line(Docker::run_words({"--rm", "-it", "--name", "tt", "busybox", "sh"})), 33,
                        101);
  shell.type("tty; until stty size | grep '33 101'; do sleep 0.05; done\n");
  CHECK(shell.shows("/dev/pts/0"));
  CHECK(shell.shows("\n33 101"));
  TerminalProgram second(docker.line({"exec", "-it", "tt", "sh"}), 20, 70);
  // The caller sets the size when the process runs already.
  second.type("until stty size | grep '20 70'; do sleep 0.05; done; exit 4\n");
  CHECK(second.shows("\n20 70"));
  CHECK(second.wait() == 4);
  shell.type("exit 5\n");
  CHECK(shell.wait() == 5);
}

}  // namespace

// One daemon for all: it takes long to start.
TEST_CASE("docker runs, looks after and removes containers") {
  const Docker docker;
  run_to_the_end(docker);
  look_after_one(docker);
  use_a_terminal(docker);
}
