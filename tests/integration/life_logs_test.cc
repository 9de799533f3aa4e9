// logs: what a container wrote, by stream, line and time; and what comes.
#include <catch2/catch.hpp>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

constexpr size_t kStampSize = std::string_view("2026-01-01T00:00:00.000000000Z").size();

}  // namespace

TEST_CASE("logs keeps stdout and stderr apart, and the program's bytes as they were") {
  const Vial vial;
  const std::string script = "echo one; echo two >&2; printf 'a\\001b\\377 \"c\"\\\\'";
  REQUIRE(vial.run({"run", "--name", "talker", "busybox", "sh", "-c", script}).code == 0);
  const auto logs = vial.run({"logs", "talker"});
  CHECK(logs.code == 0);
  CHECK_THAT(logs.out, Catch::StartsWith("one\na\x01") && Catch::EndsWith(" \"c\"\\"));
  CHECK(logs.err == "two\n");
  CHECK(vial.run({"container", "logs", "talker"}).out == logs.out);
  CHECK(vial.run({"rm", "talker"}).code == 0);
  const auto missing = vial.run({"logs", "talker"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Contains("No such container: talker"));
}

TEST_CASE("logs shows the last lines, times, and what was written since or until one") {
  const Vial vial;
  REQUIRE(vial.run({"run", "--name", "counter", "busybox", "sh", "-c",
                    "for i in 1 2 3 4 5; do echo $i; sleep 0.02; done"})
              .code == 0);
  CHECK(vial.run({"logs", "--tail", "2", "counter"}).out == "4\n5\n");
  CHECK(vial.run({"logs", "-n", "0", "counter"}).out.empty());
  CHECK(vial.run({"logs", "-n", "99", "counter"}).out == "1\n2\n3\n4\n5\n");
  const auto stamped = split(trim(vial.run({"logs", "-t", "counter"}).out), '\n');
  REQUIRE(stamped.size() == 5);
  for (size_t i = 0; i < stamped.size(); ++i) {
    REQUIRE(stamped[i].size() == kStampSize + 2);
    CHECK(stamped[i].substr(kStampSize) == " " + std::to_string(i + 1));
    if (i > 0) CHECK(stamped[i - 1] < stamped[i]);
  }
  const std::string third = stamped[2].substr(0, kStampSize);
  CHECK(vial.run({"logs", "--since", third, "counter"}).out == "3\n4\n5\n");
  CHECK_THAT(vial.run({"logs", "--until", third, "counter"}).out, Catch::StartsWith("1\n2\n"));
  CHECK(vial.run({"logs", "--since", "10m", "counter"}).out == "1\n2\n3\n4\n5\n");
  CHECK(vial.run({"logs", "--until", "10m", "counter"}).out.empty());
  CHECK(vial.run({"rm", "counter"}).code == 0);
}

TEST_CASE("logs -f shows lines as they come and ends with the container") {
  const Vial vial;
  const auto script =
      "echo begin; while [ ! -e /tmp/more ]; do sleep 0.02; done; echo more; exec cat /tmp/more";
  REQUIRE(vial.run({"run", "-d", "--name", "teller", "busybox", "sh", "-c", script}).code == 0);
  RunningProgram follower(vial.command_line({"logs", "-f", "teller"}), vial.directory());
  CHECK(within(kPatience, [&] { return follower.out() == "begin\n"; }));
  CHECK(vial.run({"exec", "teller", "sh", "-c", "echo last >/tmp/x; mv /tmp/x /tmp/more"}).code == 0);
  const auto followed = follower.wait();
  CHECK(followed.code == 0);
  CHECK(followed.out == "begin\nmore\nlast\n");
  CHECK(vial.run({"logs", "-f", "teller"}).out == followed.out);
  CHECK(vial.run({"rm", "teller"}).code == 0);
}

TEST_CASE("a detached container's whole output is kept, however fast it comes") {
  const Vial vial;
  const size_t count = in_vm() ? 2000 : 20000;
  REQUIRE(vial.run({"run", "-d", "--name", "fast", "busybox", "seq", "1", std::to_string(count)}).code == 0);
  CHECK(vial.run({"wait", "fast"}).out == "0\n");
  const auto lines = split(trim(vial.run({"logs", "fast"}).out), '\n');
  CHECK(lines.size() == count);
  CHECK(lines.back() == std::to_string(count));
  CHECK(vial.run({"rm", "fast"}).code == 0);
}
