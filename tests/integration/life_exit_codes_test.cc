// What vial's exit status says: the program's own, 128 + a signal, or 125, 126, 127 for vial's own failures.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/integration/running_program.h"

using Catch::Contains;
using Catch::EndsWith;
using Catch::StartsWith;

TEST_CASE("run ends with the program's code") {
  const Vial vial;
  CHECK(vial.run({"run", "--rm", "busybox", "true"}).code == 0);
  CHECK(vial.run({"run", "--rm", "busybox", "sh", "-c", "exit 7"}).code == 7);
  CHECK(vial.run({"run", "--rm", "busybox", "sh", "-c", "exit 255"}).code == 255);
  const auto both = vial.run({"run", "--rm", "busybox", "sh", "-c", "echo here; echo there >&2"});
  CHECK(both.out == "here\n");
  CHECK(both.err == "there\n");
}

TEST_CASE("run ends with 128 + n when a signal ends the program") {
  const Vial vial;
  // Pid 1 ignores what it has no handler for, so the signals come to another process than the namespace's
  // first.
  const std::string victim = "sh -c 'kill -TERM $$'";
  CHECK(vial.run({"run", "--rm", "--init", "busybox", "sh", "-c", "kill -KILL $$"}).code == 128 + SIGKILL);
  CHECK(vial.run({"run", "--rm", "busybox", "sh", "-c", victim + "; exit $?"}).code == 128 + SIGTERM);
}

TEST_CASE("run ends with 127 and 126 when there is no program to start") {
  const Vial vial;
  const auto missing = vial.run({"run", "--rm", "busybox", "nosuch"});
  CHECK(missing.code == 127);
  CHECK(missing.out.empty());
  CHECK_THAT(missing.err, Contains("exec: \"nosuch\": executable file not found in $PATH"));
  const auto missing_path = vial.run({"run", "--rm", "busybox", "/no/such"});
  CHECK(missing_path.code == 127);
  CHECK_THAT(missing_path.err, Contains("no such file or directory"));
  const auto directory = vial.run({"run", "--rm", "busybox", "/etc"});
  CHECK(directory.code == 126);
  CHECK_THAT(directory.err, Contains("exec: \"/etc\": is a directory"));
  const auto plain_file = vial.run({"run", "--rm", "busybox", "/etc/passwd"});
  CHECK(plain_file.code == 126);
  CHECK_THAT(plain_file.err, Contains("permission denied"));
}

TEST_CASE("run ends with 125 when vial is asked for what it can't do") {
  const Vial vial;
  const auto check = [&](const Words& words, const std::string& text) {
    const auto outcome = vial.run(words);
    INFO(outcome.err);
    CHECK(outcome.code == 125);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, Contains(text));
  };
  check({"run", "--rm", "nosuch"}, "Unable to find image 'nosuch:latest' locally");
  check({"run", "--rm", "BB"}, "invalid reference format: repository name (library/BB) must be lowercase");
  check({"run", "--rm", "--bogus", "busybox"}, "unknown flag: --bogus");
  check({"run", "--rm", "-m", "1m", "busybox"}, "Minimum memory limit allowed is 6MB");
  check({"run", "--rm", "--cpus", "1000", "busybox"}, "Range of CPUs is from 0.01 to");
  check({"create", "--bogus", "busybox"}, "unknown flag: --bogus");
  check(
      {"run", "--rm", "--platform", "linux/s390x", "--pull", "never", "busybox"},
      "image with reference busybox was found but does not match the specified platform: wanted linux/s390x, "
      "actual: linux/");
  check({"run", "--rm", "--platform", "linux", "busybox"}, "invalid platform 'linux'");
  check({"run", "--ulimit", "nofile", "busybox"},
        "invalid argument \"nofile\" for \"--ulimit\" flag: invalid ulimit argument: nofile\n\nUsage:  vial "
        "run ");
  check({"run", "-e", "=x", "busybox"},
        "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x");
  check({"run", "--label", "=x", "busybox"},
        "invalid argument \"=x\" for \"-l, --label\" flag: invalid label '=x': empty name");
  check({"run", "--device-read-iops", "/dev/vda:x", "busybox"},
        "for \"--device-read-iops\" flag: invalid rate for device: /dev/vda:x.");
  check({"ps", "-f", "foo"},
        "invalid argument \"foo\" for \"-f, --filter\" flag: bad format of filter (expected name=value)");
}

TEST_CASE("relative roots are found from where the program was called") {
  const Vial vial;
  // Run in the directory above each in turn: the monitor, which goes on in "/", would not find it there.
  for (const auto& [option, path] :
       {std::pair("--root", vial.data_root()), std::pair("--run-root", vial.run_root())}) {
    const size_t slash = path.rfind('/');
    const std::string above = path.substr(0, slash);
    const auto ran = vial.run_after(
        [&] { (void)!::chdir(above.c_str()); },
        {option, path.substr(slash + 1), "run", "--rm", "--network", "none", "busybox", "echo", "here"});
    INFO(option << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "here\n");
  }
}

TEST_CASE("unknown options and commands are told with what to try") {
  const Vial vial;
  const auto flag = vial.run({"run", "--bogus"});
  CHECK(flag.code == 125);
  CHECK_THAT(flag.err, StartsWith("unknown flag: --bogus\n\nUsage:  vial run [OPTIONS] IMAGE"));
  CHECK_THAT(flag.err, EndsWith("Run 'vial run --help' for more information\n"));
  const auto short_flag = vial.run({"run", "-Z"});
  CHECK(short_flag.code == 125);
  CHECK_THAT(short_flag.err, StartsWith("unknown shorthand flag: 'Z' in -Z"));
  const auto other = vial.run({"ps", "--bogus"});
  CHECK(other.code == 125);
  CHECK_THAT(other.err, StartsWith("unknown flag: --bogus"));
  const auto command = vial.run({"stpo"});
  CHECK(command.code == 1);
  CHECK_THAT(command.err, StartsWith("vial: 'stpo' is not a vial command."));
  CHECK_THAT(command.err, Contains("Did you mean 'vial stop'?"));
  const auto few = vial.run({"stop"});
  CHECK(few.code == 1);
  CHECK_THAT(few.err, Contains("'vial stop' requires at least 1 argument"));
  CHECK(vial.run({"run"}).code == 1);
}
