// create, start, stop, kill, wait, rm: a container's way through its states.
#include <catch2/catch.hpp>
#include <csignal>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

std::string state(const Vial& vial, const std::string& name) {
  return std::string(trim(vial.run({"inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name}).out));
}

// Says "ready" when its handlers are there.
const char* const kPolite =
    "trap 'exit 5' TERM; trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done";
const char* const kStubborn = "trap '' TERM; echo ready; while :; do sleep 0.05; done";

void start_script(const Vial& vial, const std::string& name, const char* script, const Words& options = {}) {
  Words words = {"run", "-d", "--name", name};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"busybox", "sh", "-c", script});
  const auto started = vial.run(words);
  INFO(started.err);
  REQUIRE(started.code == 0);
  CHECK(trim(started.out).size() == 64);
  REQUIRE(within(kPatience, [&] { return vial.run({"logs", name}).out == "ready\n"; }));
}

}  // namespace

TEST_CASE("create makes, start runs, and again") {
  const Vial vial;
  REQUIRE(vial.run({"create", "--name", "job", "busybox", "sh", "-c", "echo one; exit 3"}).code == 0);
  CHECK(state(vial, "job") == "created 0");
  const auto attached = vial.run({"start", "-a", "job"});
  CHECK(attached.code == 3);
  CHECK(attached.out == "one\n");
  CHECK(state(vial, "job") == "exited 3");
  const auto started = vial.run({"start", "job"});
  CHECK(started.code == 0);
  CHECK(started.out == "job\n");
  CHECK(vial.run({"wait", "job"}).out == "3\n");
  CHECK(vial.run({"logs", "job"}).out == "one\none\n");
  CHECK(vial.run({"rm", "job"}).out == "job\n");
  CHECK_THAT(vial.run({"start", "job"}).err,
             Contains("No such container: job") && Contains("Error: failed to start containers: job\n"));
}

TEST_CASE("start -i gives the container what is typed, until the end of it") {
  const Vial vial;
  REQUIRE(vial.run({"create", "-i", "--name", "cat", "busybox", "cat"}).code == 0);
  CHECK(vial.run({"start", "-ai", "cat"}, "through\n").out == "through\n");
  CHECK(vial.run({"start", "-i", "cat"}, "again").out == "again");
  CHECK(vial.run({"rm", "cat"}).code == 0);
  CHECK(vial.run({"run", "--rm", "-i", "busybox", "wc", "-c"}, std::string(300'000, 'x')).out == "300000\n");
  CHECK(vial.run({"run", "--rm", "busybox", "wc", "-c"}, "not for it").out == "0\n");
}

TEST_CASE("stop asks, and kills who does not listen") {
  const Vial vial;
  start_script(vial, "polite", kPolite);
  CHECK(vial.run({"stop", "polite"}).out == "polite\n");
  CHECK(state(vial, "polite") == "exited 5");
  const auto again = vial.run({"stop", "polite"});
  CHECK(again.code == 0);
  CHECK(again.out == "polite\n");
  start_script(vial, "other", kPolite);
  CHECK(vial.run({"stop", "-s", "USR1", "other"}).code == 0);
  CHECK(state(vial, "other") == "exited 6");
  start_script(vial, "own", kPolite, {"--stop-signal", "SIGUSR1"});
  CHECK(vial.run({"stop", "own"}).code == 0);
  CHECK(state(vial, "own") == "exited 6");
  start_script(vial, "stubborn", kStubborn);
  const int64_t begin = monotonic_ms();
  CHECK(vial.run({"stop", "-t", "1", "stubborn"}).code == 0);
  CHECK(monotonic_ms() - begin >= 1000);
  CHECK(state(vial, "stubborn") == "exited 137");
  CHECK(vial.run({"rm", "polite", "other", "own", "stubborn"}).out == "polite\nother\nown\nstubborn\n");
}

TEST_CASE("kill sends what it is told to send") {
  const Vial vial;
  start_script(vial, "victim", kPolite);
  const auto bad = vial.run({"kill", "-s", "NOSUCH", "victim"});
  CHECK(bad.code == 1);
  CHECK_THAT(bad.err, Contains("NOSUCH"));
  CHECK(vial.run({"kill", "-s", "SIGUSR1", "victim"}).out == "victim\n");
  CHECK(vial.run({"wait", "victim"}).out == "6\n");
  const auto late = vial.run({"kill", "victim"});
  CHECK(late.code == 1);
  CHECK_THAT(late.err, Contains("is not running"));
  CHECK(vial.run({"start", "victim"}).code == 0);
  CHECK(vial.run({"kill", "victim"}).code == 0);
  CHECK(vial.run({"wait", "victim"}).out == "137\n");
  CHECK(vial.run({"rm", "victim"}).code == 0);
}

TEST_CASE("signals to the command in the foreground go to the container") {
  const Vial vial;
  RunningProgram program(vial.command_line({"run", "--rm", "busybox", "sh", "-c", kPolite}),
                         vial.directory());
  REQUIRE(within(kPatience, [&] { return program.out() == "ready\n"; }));
  program.signal(SIGUSR1);
  CHECK(program.wait().code == 6);
}

TEST_CASE("wait waits for all that it is told of") {
  const Vial vial;
  start_script(vial, "first", kPolite);
  start_script(vial, "second", kPolite);
  RunningProgram waiting(vial.command_line({"wait", "first", "second"}), vial.directory());
  CHECK(vial.run({"stop", "second"}).code == 0);
  CHECK(waiting.out().empty());
  CHECK(vial.run({"kill", "-s", "USR1", "first"}).code == 0);
  const auto waited = waiting.wait();
  CHECK(waited.out == "6\n5\n");
  CHECK(waited.code == 0);
  const auto missing = vial.run({"wait", "nosuch"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Contains("No such container: nosuch"));
  CHECK(vial.run({"rm", "first", "second"}).code == 0);
}

TEST_CASE("rm takes what has ended, and with --force what runs", "[vm]") {
  const Vial vial;
  start_script(vial, "running", kStubborn);
  const auto refused = vial.run({"rm", "running"});
  CHECK(refused.code == 1);
  CHECK(refused.out.empty());
  CHECK_THAT(refused.err, Contains("cannot remove container \"/running\": container is running"));
  CHECK(state(vial, "running") == "running 0");
  REQUIRE(vial.run({"create", "--name", "idle", "busybox"}).code == 0);
  const auto mixed = vial.run({"rm", "nosuch", "idle"});
  CHECK(mixed.code == 1);
  CHECK(mixed.out == "idle\n");
  CHECK_THAT(mixed.err, Contains("No such container: nosuch"));
  CHECK(vial.run({"rm", "-f", "running"}).out == "running\n");
  const auto gone = vial.run({"rm", "-f", "running"});
  CHECK(gone.code == 0);
  CHECK_THAT(gone.err, Contains("No such container: running"));
  CHECK(vial.run({"ps", "-aq"}).out.empty());
}

TEST_CASE("--rm removes a container that ended, whoever ended it") {
  const Vial vial;
  start_script(vial, "passing", kPolite, {"--rm"});
  CHECK(vial.run({"stop", "passing"}).code == 0);
  CHECK(within(kPatience, [&] { return vial.run({"ps", "-aq"}).out.empty(); }));
}

TEST_CASE("a running container is not started again, and does not lend its name") {
  const Vial vial;
  start_script(vial, "runs", kPolite);
  const auto before = vial.run({"inspect", "-f", "{{.State.Pid}}", "runs"}).out;
  CHECK(vial.run({"start", "runs"}).code == 0);
  CHECK(vial.run({"inspect", "-f", "{{.State.Pid}}", "runs"}).out == before);
  CHECK(vial.run({"run", "--name", "runs", "busybox", "true"}).code == 125);
  CHECK(vial.run({"rm", "-f", "runs"}).code == 0);
}
