// containerd and its ctr with our runtime: the shim that dockerd and Kubernetes use, without them.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_callers.h"
#include "tests/integration/running_program.h"

namespace {

bool text_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kImage = "docker.io/library/busybox:latest";

class Containerd {
 public:
  Containerd() : daemon_(write_configuration(rig_), rig_.directory() + "/log", [this] { return answers(); }) {
    must({"image", "import", rig_.image()});
  }
  ~Containerd() {
    for (const auto& name : split(trim(call({"container", "ls", "-q"}).out), '\n')) {
      if (name.empty()) continue;
      (void)call({"task", "rm", "-f", name});
      (void)call({"container", "rm", name});
    }
  }
  Containerd(const Containerd&) = delete;
  Containerd& operator=(const Containerd&) = delete;

  Words line(const Words& words) const {
    Words all = {"/usr/bin/ctr", "--address", rig_.directory() + "/sock"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  Words run_words(const Words& options, const Words& words) const {
    Words all = {"run", "--runc-binary", oci_runtime(), "--cgroup", "/" + rig_.name() + "/" + words.front()};
    all.insert(all.end(), options.begin(), options.end());
    all.emplace_back(kImage);
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  // ctr run OPTIONS IMAGE NAME WORDS...
  Outcome run(const Words& options, const Words& words) const { return call(run_words(options, words)); }
  Outcome call(const Words& words) const { return rig_.call(line(words)); }
  std::string must(const Words& words) const { return rig_.must(line(words)); }
  const CallerRig& rig() const { return rig_; }
  bool task_is(const std::string& name, const std::string& status) const {
    return within(kPatience, [&] {
      for (const auto& row : split(call({"task", "ls"}).out, '\n'))
        if (row.starts_with(name + " ") && text_has(row, status)) return true;
      return false;
    });
  }

 private:
  static Words write_configuration(const CallerRig& rig) {
    const std::string& own = rig.directory();
    REQUIRE(create_file(
        own + "/config.toml",
        "version = 2\nroot = \"" + own + "/root\"\nstate = \"" + own + "/state\"\n" +
            "disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n" +
            "[grpc]\naddress = \"" + own + "/sock\"\n"));
    return {"/usr/bin/containerd", "-c", own + "/config.toml"};
  }
  bool answers() const { return path_exists(rig_.directory() + "/sock") && call({"version"}).code == 0; }

  CallerRig rig_;
  Daemon daemon_;
};

}  // namespace

TEST_CASE("ctr runs commands to their end") {
  const Containerd ctr;
  const Outcome hello = ctr.run({"--rm"}, {"one", "sh", "-c", "echo out; echo err >&2; exit 7"});
  CHECK(hello.out == "out\n");
  CHECK(text_has(hello.err, "err\n"));
  CHECK(hello.code == 7);
  const Outcome missing = ctr.run({"--rm"}, {"two", "no-such-program"});
  CHECK(missing.code != 0);
  CHECK(text_has(missing.err, "executable file not found in $PATH"));
  CHECK(text_has(ctr.run({"--rm"}, {"three", "/etc"}).err, "permission denied"));
  CHECK(text_has(ctr.run({"--rm", "--read-only"}, {"four", "touch", "/x"}).err, "Read-only file system"));
  CHECK(ctr.run({"--rm", "--cwd", "/tmp", "--env", "A=b"}, {"five", "sh", "-c", "echo $A $(pwd)"}).out ==
        "b /tmp\n");
  CHECK(ctr.must({"container", "ls", "-q"}).empty());
}

TEST_CASE("ctr looks after a container in the background") {
  const Containerd ctr;
  ctr.must(ctr.run_words({"-d", "--memory-limit", std::to_string(64U << 20U)},
                         {"d", "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"}));
  CHECK(ctr.task_is("d", "RUNNING"));
  CHECK(ctr.rig().cgroup_file("d", "memory", "memory.limit_in_bytes", "memory.max") ==
        std::to_string(64U << 20U));
  CHECK(ctr.must({"task", "exec", "--exec-id", "e1", "d", "echo", "inside"}) == "inside");
  CHECK(ctr.call({"task", "exec", "--exec-id", "e2", "d", "sh", "-c", "exit 9"}).code == 9);
  CHECK(ctr.must({"task", "exec", "--exec-id", "e4", "--user", "1:100", "--cwd", "/tmp", "d", "sh", "-c",
                  "echo $(id -u) $(id -g) $(pwd)"}) == "1 100 /tmp");
  CHECK(text_has(ctr.call({"task", "exec", "--exec-id", "e3", "d", "no-such-program"}).err,
                 "executable file not found in $PATH"));
  CHECK(split(ctr.must({"task", "ps", "d"}), '\n').size() >= 2);
  // containerd's own reader wants every v1 hierarchy that /proc/PID/cgroup names, mounted or not.
  const bool reads_metrics = ::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ||
                             ::access("/sys/fs/cgroup/hugetlb/tasks", F_OK) == 0;
  if (reads_metrics) CHECK(text_has(ctr.must({"task", "metrics", "d"}), "memory"));
  ctr.must({"task", "pause", "d"});
  CHECK(ctr.task_is("d", "PAUSED"));
  ctr.must({"task", "resume", "d"});
  CHECK(ctr.task_is("d", "RUNNING"));
  ctr.must({"task", "kill", "-s", "SIGTERM", "d"});
  CHECK(ctr.task_is("d", "STOPPED"));
  // The shim takes what the runtime says of a process that is gone for "not found".
  CHECK(text_has(ctr.call({"task", "kill", "d"}).err, "process already finished"));
  CHECK(text_has(ctr.call({"task", "rm", "d"}).err, "non-zero exit code 3"));
  ctr.must({"container", "rm", "d"});
}

TEST_CASE("ctr gives a container a terminal") {
  const Containerd ctr;
  {
    TerminalProgram shell(ctr.line(ctr.run_words({"--rm", "-t"}, {"t", "sh"})), 33, 101);
    shell.type("tty; until stty size | grep '33 101'; do sleep 0.05; done\n");
    CHECK(shell.shows("/dev/pts/0"));
    CHECK(shell.shows("\n33 101"));
    TerminalProgram second(ctr.line({"task", "exec", "-t", "--exec-id", "e", "t", "sh"}), 20, 70);
    // The caller sets the size when the process runs already.
    second.type("until stty size | grep '20 70'; do sleep 0.05; done; exit 4\n");
    CHECK(second.shows("\n20 70"));
    CHECK(second.wait() == 4);
    shell.type("exit 5\n");
    CHECK(shell.wait() == 5);
  }
}

// For the emulated machine, where a command of ctr's takes a second and more.
TEST_CASE("ctr, in brief", "[brief]") {
  const Containerd ctr;
  CHECK(ctr.run({"--rm"}, {"one", "sh", "-c", "exit 7"}).code == 7);
  CHECK(ctr.run({"--rm"}, {"two", "no-such-program"}).code != 0);
  ctr.must(ctr.run_words({"-d", "--memory-limit", std::to_string(64U << 20U)}, {"d", "sleep", "100"}));
  CHECK(ctr.rig().cgroup_file("d", "memory", "memory.limit_in_bytes", "memory.max") ==
        std::to_string(64U << 20U));
  CHECK(ctr.call({"task", "exec", "--exec-id", "e2", "d", "sh", "-c", "exit 9"}).code == 9);
  ctr.must({"task", "pause", "d"});
  ctr.must({"task", "resume", "d"});
  CHECK(ctr.task_is("d", "RUNNING"));
  ctr.must({"task", "kill", "-s", "SIGKILL", "d"});
  CHECK(ctr.task_is("d", "STOPPED"));
  ctr.must({"task", "rm", "d"});
  ctr.must({"container", "rm", "d"});
}
