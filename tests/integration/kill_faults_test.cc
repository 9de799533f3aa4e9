// Every step of a start fails once, and kills the monitor once: nothing is left, and what is told is true.
// Needs programs that were built with VIAL_FAULTS.
#include <catch2/catch.hpp>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

constexpr int kMostSteps = 200;

}  // namespace

TEST_CASE("a failure at any step ends with 125, says which, and leaves nothing") {
  const Vial vial;
  const HostPicture before = HostPicture::with_cgroups({vial.data_root(), vial.run_root()});
  int failed = 0;
  for (int k = 0; k < kMostSteps; ++k) {
    Outcome outcome;
    {
      const Variable fault("VIAL_FAIL_AT", k);
      outcome = vial.run({"run", "--rm", "-m", "64m", "busybox", "echo", "ran"});
    }
    if (outcome.code == 0) {
      CHECK(outcome.out == "ran\n");
      break;
    }
    ++failed;
    INFO("step " << k << ": " << outcome.err);
    CHECK(outcome.code == 125);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, Contains("step " + std::to_string(k + 1) + "/") && Contains("injected fault"));
    CHECK(leaks_since(before, kPatience).empty());
  }
  CHECK(failed > 20);
}

TEST_CASE("a container whose start failed is kept without --rm, and starts when the fault is gone") {
  const Vial vial;
  {
    const Variable fault("VIAL_FAIL_AT", 10);
    CHECK(vial.run({"run", "--name", "again", "busybox", "echo", "ran"}).code == 125);
  }
  CHECK_THAT(vial.run({"ps", "-a", "--format", "{{.Names}} {{.Status}}"}).out, Catch::StartsWith("again "));
  CHECK_THAT(vial.run({"inspect", "-f", "{{.State.Error}}", "again"}).out, Contains("injected fault"));
  const auto started = vial.run({"start", "-a", "again"});
  CHECK(started.code == 0);
  CHECK(started.out == "ran\n");
  CHECK(vial.run({"rm", "again"}).code == 0);
}

TEST_CASE("the monitor is killed at any step: the next command tells the truth, rm -f leaves nothing") {
  const Vial vial;
  const HostPicture before = HostPicture::with_cgroups({vial.data_root(), vial.run_root()});
  int killed = 0;
  for (int k = 0; k < kMostSteps; ++k) {
    Outcome outcome;
    {
      const Variable fault("VIAL_KILL_AT", k);
      outcome = vial.run({"run", "-d", "--name", "struck", "busybox", "sleep", "1000"});
    }
    INFO("step " << k << ": " << outcome.code << " " << outcome.err);
    const auto listed = vial.run({"ps", "-a", "--format", "{{.Names}} {{.State}}"});
    CHECK(listed.code == 0);
    if (outcome.code == 0) {
      CHECK(listed.out == "struck running\n");
    } else {
      ++killed;
      CHECK(outcome.code == 125);
      CHECK_THAT(outcome.err, Contains("the monitor of the container ended before it had started it"));
      CHECK_THAT(listed.out, Catch::StartsWith("struck "));
      // The init dies with its monitor, which takes a moment.
      CHECK(within(kPatience, [&] { return vial.run({"ps", "-q"}).out.empty(); }));
      CHECK(vial.run({"exec", "struck", "true"}).code == 1);
    }
    CHECK(vial.run({"rm", "-f", "struck"}).code == 0);
    CHECK(vial.run({"ps", "-aq"}).out.empty());
    CHECK(leaks_since(before, kPatience).empty());
    if (outcome.code == 0) break;
  }
  CHECK(killed > 20);
}
