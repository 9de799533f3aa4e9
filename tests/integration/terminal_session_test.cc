// run -it on a real terminal: size, raw mode, detaching, and the caller's terminal put back whatever happens.
#include <catch2/catch.hpp>
#include <csignal>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

TEST_CASE("a shell on a terminal: its size, the type of it, its end") {
  const Vial vial;
  TerminalProgram shell(vial.command_line({"run", "--rm", "-it", "busybox", "sh"}), 33, 101);
  REQUIRE(shell.shows("/ # "));
  CHECK_FALSE(shell.is_cooked());
  shell.type("tty; stty size; echo t=$TERM\r");
  CHECK(shell.shows("/dev/pts/0\r\n33 101\r\nt=xterm\r\n"));
  shell.resize(12, 34);
  // SIGWINCH comes by the kernel; the container's shell is asked until it has the new size.
  CHECK(within(kPatience, [&] {
    shell.type("stty size\r");
    return shell.shows("12 34\r\n", 1);
  }));
  shell.type("sleep 1000\r");
  CHECK(shell.shows("sleep 1000\r\n"));
  // ctrl-c is for the container's terminal, not for ours; typed until the shell has let sleep have it.
  CHECK(within(kPatience, [&] {
    shell.type("\x03");
    return shell.shows("/ # ", 1);
  }));
  shell.type("exit 7\r");
  CHECK(shell.wait() == 7);
  CHECK(shell.is_cooked());
}

TEST_CASE("the terminal is put back when vial is killed, and the container lives on") {
  const Vial vial;
  TerminalProgram shell(vial.command_line({"run", "-it", "--name", "kept", "busybox", "sh"}), 24, 80);
  REQUIRE(shell.shows("/ # "));
  CHECK_FALSE(shell.is_cooked());
  REQUIRE(::kill(shell.pid(), SIGKILL) == 0);
  CHECK(shell.wait() == 128 + SIGKILL);
  CHECK(within(kPatience, [&] { return shell.is_cooked(); }));
  CHECK(vial.run({"ps", "--format", "{{.Names}} {{.State}}"}).out == "kept running\n");
  CHECK(vial.run({"exec", "kept", "echo", "alive"}).out == "alive\n");
  CHECK(vial.run({"rm", "-f", "kept"}).code == 0);
}

TEST_CASE("the terminal is put back when a signal ends vial") {
  const Vial vial;
  for (const int number : {SIGTERM, SIGHUP}) {
    TerminalProgram shell(vial.command_line({"run", "-it", "--name", "left", "busybox", "sh"}), 24, 80);
    REQUIRE(shell.shows("/ # "));
    REQUIRE(::kill(shell.pid(), number) == 0);
    CHECK(shell.wait() == 128 + number);
    CHECK(shell.is_cooked());
    CHECK(vial.run({"rm", "-f", "left"}).code == 0);
  }
}

TEST_CASE("ctrl-p ctrl-q leaves the container running, attach comes back to it") {
  const Vial vial;
  TerminalProgram shell(vial.command_line({"run", "-it", "--name", "apart", "busybox", "sh"}), 24, 80);
  REQUIRE(shell.shows("/ # "));
  shell.type("X=remembered\r");
  CHECK(shell.shows("/ # "));
  shell.type("\x10\x11");
  CHECK(shell.wait() == 0);
  CHECK(shell.is_cooked());
  CHECK(vial.run({"inspect", "-f", "{{.State.Running}}", "apart"}).out == "true\n");
  TerminalProgram again(vial.command_line({"attach", "apart"}), 24, 80);
  REQUIRE(within(kPatience, [&] { return !again.is_cooked(); }));
  again.type("echo $X\r");
  CHECK(again.shows("\r\nremembered\r\n"));
  again.type("exit 3\r");
  CHECK(again.wait() == 3);
  CHECK(vial.run({"wait", "apart"}).out == "3\n");
  CHECK(vial.run({"rm", "apart"}).code == 0);
}

TEST_CASE("other detach keys") {
  const Vial vial;
  const Words words = {"run", "-it", "--name", "keys", "--detach-keys", "ctrl-x,d", "busybox", "cat"};
  TerminalProgram cat(vial.command_line(words), 24, 80);
  REQUIRE(within(kPatience, [&] { return !cat.is_cooked(); }));
  cat.type("\x10\x11line\r");
  CHECK(cat.shows("line"));
  cat.type(
      "\x18"
      "d");
  CHECK(cat.wait() == 0);
  CHECK(vial.run({"rm", "-f", "keys"}).code == 0);
}

TEST_CASE("-it without a terminal is refused, -t alone is not") {
  const Vial vial;
  const auto refused = vial.run({"run", "--rm", "-it", "busybox", "sh"});
  CHECK(refused.code == 1);
  CHECK(refused.out.empty());
  CHECK(refused.err == "the input device is not a TTY\n");
  const auto with_output = vial.run({"run", "--rm", "-t", "busybox", "tty"});
  CHECK(with_output.code == 0);
  CHECK(with_output.out == "/dev/pts/0\r\n");
}

TEST_CASE("start -ai brings a container that was made with a terminal onto ours") {
  const Vial vial;
  REQUIRE(vial.run({"create", "-it", "--name", "later", "busybox", "sh"}).code == 0);
  TerminalProgram shell(vial.command_line({"start", "-ai", "later"}), 20, 70);
  REQUIRE(shell.shows("/ # "));
  shell.type("stty size; exit 2\r");
  CHECK(shell.shows("20 70\r\n"));
  CHECK(shell.wait() == 2);
  CHECK(shell.is_cooked());
  CHECK_THAT(vial.run({"logs", "later"}).out, Contains("20 70"));
  CHECK(vial.run({"rm", "later"}).code == 0);
}
