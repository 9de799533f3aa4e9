// exec: another program in a running container.
#include <catch2/catch.hpp>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

// A container "box" that does nothing until the test ends.
class Box {
 public:
  explicit Box(const Vial& vial, const Words& options = {}) : vial_(vial) {
    Words words = {"run", "-d", "--name", "box"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"busybox", "sleep", "1000"});
    REQUIRE(vial_.run(words).code == 0);
  }
  ~Box() { CHECK(vial_.run({"rm", "-f", "box"}).code == 0); }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  Outcome exec(Words words, const std::string& input = "") const {
    words.insert(words.begin(), "exec");
    return vial_.run(words, input);
  }

 private:
  const Vial& vial_;
};

}  // namespace

TEST_CASE("exec ends with the program's code, or says why it did not start") {
  const Vial vial;
  const Box box(vial);
  const auto both = box.exec({"box", "sh", "-c", "echo out; echo err >&2; exit 9"});
  CHECK(both.code == 9);
  CHECK(both.out == "out\n");
  CHECK(both.err == "err\n");
  CHECK(box.exec({"box", "sh", "-c", "kill -KILL $$"}).code == 137);
  const auto missing = box.exec({"box", "nosuch"});
  CHECK(missing.code == 127);
  CHECK_THAT(missing.err, Contains("exec: \"nosuch\": executable file not found in $PATH"));
  CHECK(box.exec({"box", "/etc"}).code == 126);
  CHECK(box.exec({"nosuch", "true"}).code == 1);
  CHECK(box.exec({"box"}).code == 1);
}

TEST_CASE("exec takes environment, user and directory") {
  const Vial vial;
  const Box box(vial, {"-e", "KEPT=image", "-w", "/etc"});
  CHECK(box.exec({"-e", "A=b c", "box", "sh", "-c", "echo \"$A,$KEPT\""}).out == "b c,image\n");
  CHECK(box.exec({"box", "pwd"}).out == "/etc\n");
  CHECK(box.exec({"-w", "/tmp", "box", "pwd"}).out == "/tmp\n");
  const auto nowhere = box.exec({"-w", "/nowhere", "box", "pwd"});
  CHECK(nowhere.code == 127);
  CHECK_THAT(nowhere.err, Contains("chdir to cwd (\"/nowhere\")") && Contains("no such file or directory"));
  CHECK(box.exec({"box", "ls", "-d", "/nowhere"}).code == 1);
  CHECK(box.exec({"-u", "1:2", "box", "sh", "-c", "id -u; id -g"}).out == "1\n2\n");
  CHECK(box.exec({"-u", "daemon", "box", "id", "-un"}).out == "daemon\n");
  const auto unknown = box.exec({"-u", "nobodyknows", "box", "true"});
  CHECK(unknown.code != 0);
  CHECK_THAT(unknown.err, Contains("nobodyknows"));
}

TEST_CASE("exec is in the container's namespaces, cgroup and privileges") {
  const Vial vial;
  const Box box(vial);
  const std::string look =
      "for n in cgroup ipc mnt net pid uts; do readlink /proc/$1/ns/$n; done; cat /proc/$1/cgroup; "
      "grep -E '^(Cap|Seccomp|NoNewPrivs)' /proc/$1/status";
  const auto first = box.exec({"box", "sh", "-c", look, "-", "1"});
  const auto own = box.exec({"box", "sh", "-c", look, "-", "self"});
  CHECK(first.code == 0);
  CHECK(first.out == own.out);
  CHECK_THAT(own.out, Contains("Seccomp:\t2"));
}

TEST_CASE("exec gives its input on, and in the background nothing") {
  const Vial vial;
  const Box box(vial);
  CHECK(box.exec({"-i", "box", "cat"}, "through").out == "through");
  CHECK(box.exec({"box", "cat"}, "not for it").out.empty());
  const auto detached = box.exec({"-d", "box", "sh", "-c", "echo unseen; touch /tmp/was-here; sleep 1000"});
  CHECK(detached.code == 0);
  CHECK(detached.out.empty());
  CHECK(within(kPatience, [&] { return box.exec({"box", "test", "-e", "/tmp/was-here"}).code == 0; }));
}

TEST_CASE("exec on a terminal") {
  const Vial vial;
  const Box box(vial);
  TerminalProgram shell(vial.command_line({"exec", "-it", "box", "sh"}), 31, 97);
  CHECK(shell.shows("/ # "));
  CHECK_FALSE(shell.is_cooked());
  shell.type("stty size; echo t=$TERM\r");
  CHECK(shell.shows("31 97\r\n"));
  CHECK(shell.shows("t=xterm"));
  shell.type("exit 4\r");
  CHECK(shell.wait() == 4);
  CHECK(shell.is_cooked());
  const auto none = box.exec({"-it", "box", "sh"});
  CHECK(none.code == 1);
  CHECK(none.err == "the input device is not a TTY\n");
}

TEST_CASE("exec into a container that has no room for it says why") {
  const Vial vial;
  const Box box(vial, {"--pids-limit", "2"});
  const auto refused = box.exec({"box", "true"});
  CHECK(refused.code != 0);
  CHECK_THAT(refused.err, Contains("--pids-limit"));
}

TEST_CASE("exec needs a running container") {
  const Vial vial;
  REQUIRE(vial.run({"create", "--name", "idle", "busybox"}).code == 0);
  const auto refused = vial.run({"exec", "idle", "true"});
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err, Contains("is not running"));
  CHECK(vial.run({"rm", "idle"}).code == 0);
}
