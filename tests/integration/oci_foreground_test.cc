// run and exec in the foreground: exit codes, signals, terminals, and what is kept.
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

Words run_words(OciBundle& oci, const Words& args, const Words& options = {}) {
  oci.spec["process"]["args"] = args;
  oci.write_config();
  Words words = {"run", "--bundle", oci.bundle()};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(oci.id());
  return oci.command_line(words);
}

constexpr const char* kTrapper = "trap 'echo hup; exit 9' HUP; echo ready; while :; do sleep 0.05; done";

}  // namespace

TEST_CASE("signals to run go to the container's process") {
  OciBundle oci;
  RunningProgram run(run_words(oci, {"sh", "-c", kTrapper}), oci.directory());
  REQUIRE(within(kPatience, [&] { return run.out() == "ready\n"; }));
  run.signal(SIGHUP);
  const Outcome outcome = run.wait();
  CHECK(outcome.code == 9);
  CHECK(outcome.out == "ready\nhup\n");
  CHECK(oci.status() == "unknown");
}

TEST_CASE("signals to exec go to its process") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  RunningProgram exec(oci.command_line({"exec", oci.id(), "sh", "-c", kTrapper}), oci.directory());
  REQUIRE(within(kPatience, [&] { return exec.out() == "ready\n"; }));
  exec.signal(SIGHUP);
  CHECK(exec.wait().code == 9);
  CHECK(oci.status() == "running");
  oci.remove();
}

TEST_CASE("run --keep keeps what has ended, run --detach does not wait") {
  OciBundle oci;
  CHECK(oci.run({"sh", "-c", "exit 4"}, {"--keep"}).code == 4);
  CHECK(oci.status() == "stopped");
  CHECK_THAT(oci.call({"start", oci.id()}).err, Contains("cannot start a container that has stopped"));
  CHECK(oci.call({"delete", oci.id()}).code == 0);
  CHECK(oci.run({"sleep", "100"}, {"--detach", "--pid-file", oci.directory() + "/pid"}).code == 0);
  CHECK(oci.status() == "running");
  CHECK(read_file(oci.directory() + "/pid").value_or("") == std::to_string(oci.state().value("pid", 0)));
  oci.remove();
}

TEST_CASE("run gives the container a terminal that follows ours") {
  OciBundle oci;
  oci.spec["process"]["terminal"] = true;
  const Words words =
      run_words(oci, {"sh", "-c",
                      "tty; stty size; read line; echo got $line; "
                      "while [ \"$(stty size)\" != '40 120' ]; do sleep 0.05; done; echo grown; "
                      "exit 6"});
  TerminalProgram run(words, 30, 100);
  CHECK(run.shows("/dev/pts/0"));
  CHECK(run.shows("30 100"));
  CHECK_FALSE(run.is_cooked());
  run.type("typed\r");
  CHECK(run.shows("got typed"));
  run.resize(40, 120);
  CHECK(run.shows("grown"));
  CHECK(run.wait() == 6);
  CHECK(run.is_cooked());
}

TEST_CASE("exec -t gives a terminal that follows ours") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  TerminalProgram exec(
      oci.command_line({"exec", "-t", oci.id(), "sh", "-c", "tty; stty size; read l; exit 5"}), 31, 99);
  CHECK(exec.shows("/dev/pts/"));
  CHECK(exec.shows("31 99"));
  exec.type("\r");
  CHECK(exec.wait() == 5);
  CHECK(exec.is_cooked());
  oci.remove();
}

TEST_CASE("a container whose program is the runtime itself is running") {
  OciBundle oci;
  if (!is_vial_oci() || is_sanitized()) return;  // it has to run alone in there
  oci.spec["mounts"].push_back(
      {{"destination", "/own"}, {"type", "bind"}, {"source", oci_runtime()}, {"options", {"bind", "ro"}}});
  REQUIRE(::mkfifo(oci.rootfs("/log").c_str(), 0600) == 0);  // which nobody reads: it waits there
  const Words words = {"/own", "--log", "/log", "state", "nothing"};
  CHECK(oci.run(words, {"--detach"}).code == 0);
  CHECK(oci.becomes("running"));
  oci.remove();
  oci.launch(words);
  CHECK(oci.becomes("running"));
  oci.remove();
}

TEST_CASE("a terminal and its socket belong together") {
  OciBundle oci;
  oci.spec["process"]["terminal"] = true;
  CHECK_THAT(oci.create({"true"}).err,
             Contains("cannot allocate tty if vial-oci will detach without setting console socket"));
  CHECK_THAT(oci.run({"true"}, {"--console-socket", "/nowhere"}).err,
             Contains("cannot use console socket if vial-oci will not detach or allocate tty"));
  CHECK_THAT(oci.create({"true"}, {"--console-socket", "/nowhere"}).err, Contains("console socket"));
  CHECK(oci.status() == "unknown");
}

TEST_CASE("a caller that ignores the ends of its children gets the exit code") {
  OciBundle oci;
  const auto code_of = [&](const Words& line) {
    ::signal(SIGCHLD, SIG_IGN);  // which goes along into the next program
    RunningProgram program(line, oci.directory());
    ::signal(SIGCHLD, SIG_DFL);
    const Outcome outcome = program.wait();
    UNSCOPED_INFO(outcome.err);
    return outcome.code;
  };
  CHECK(code_of(run_words(oci, {"sh", "-c", "sleep 0.3; exit 7"})) == 7);
  CHECK(oci.status() == "unknown");
  oci.launch({"sleep", "100"});
  CHECK(code_of(oci.command_line({"exec", oci.id(), "sh", "-c", "sleep 0.3; exit 8"})) == 8);
  oci.remove();
}

TEST_CASE("delete --force that can open no file forgets no container") {
  if (is_sanitized()) return;  // the sanitizer itself opens files
  OciBundle oci;
  if (!is_vial_oci()) return;
  oci.launch({"sleep", "100"});
  for (const char* most : {"4", "5", "6", "7", "8", "9"}) {
    Words line = {"/bin/sh", "-c", std::string("ulimit -n ") + most + "; exec \"$@\"", "sh"};
    for (const auto& word : oci.command_line({"delete", "--force", oci.id()}))
      line.push_back(word);
    const Outcome outcome = run_into_files(line, oci.directory());
    INFO(most << ": " << outcome.err);
    CHECK((outcome.code == 0 || contains(outcome.err, "Too many open files")));
    CHECK((oci.status() == "unknown") == (outcome.code == 0));
    if (outcome.code == 0) return;
  }
  oci.remove();
}
