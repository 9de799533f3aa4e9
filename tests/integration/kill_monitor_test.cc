// SIGKILL for the command or the monitor at any time: the container lives on or is cleaned up, every command
// tells the truth, none hangs.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

std::string field(const Vial& vial, const std::string& name, const std::string& field) {
  return std::string(trim(vial.run({"inspect", "-f", "{{." + field + "}}", name}).out));
}

pid_t monitor_of(const Vial& vial, const std::string& name) {
  const std::string path = vial.run_root() + "/containers/" + field(vial, name, "Id") + "/state.json";
  const auto text = read_file(path);
  REQUIRE(text);
  const auto state = parse_json(*text);
  REQUIRE(state);
  const pid_t pid = (*state)["x"]["monitorPid"].get<pid_t>();
  REQUIRE(pid > 1);
  return pid;
}

// A running container "alone" whose monitor is dead.
void start_alone(const Vial& vial, const std::string& script) {
  const auto started =
      vial.run({"run", "-d", "--name", "alone", "busybox", "sh", "-c", "echo begin; " + script});
  INFO(started.err);
  REQUIRE(started.code == 0);
  REQUIRE(within(kPatience, [&] { return vial.run({"logs", "alone"}).out == "begin\n"; }));
  const pid_t monitor = monitor_of(vial, "alone");
  REQUIRE(::kill(monitor, SIGKILL) == 0);
  REQUIRE(within(kPatience, [&] {
    (void)living_children();
    return ::kill(monitor, 0) != 0;
  }));
}

}  // namespace

TEST_CASE("the command in the foreground is killed, the container lives on") {
  const Vial vial;
  const auto line =
      vial.command_line({"run", "--name", "lives", "busybox", "sh", "-c",
                         "echo begin; while [ ! -e /tmp/end ]; do sleep 0.02; done; echo end; exit 4"});
  RunningProgram program(line, vial.directory());
  REQUIRE(within(kPatience, [&] { return program.out() == "begin\n"; }));
  program.signal(SIGKILL);
  CHECK(program.wait().code == 137);
  CHECK(field(vial, "lives", "State.Status") == "running");
  CHECK(vial.run({"exec", "lives", "touch", "/tmp/end"}).code == 0);
  CHECK(vial.run({"wait", "lives"}).out == "4\n");
  CHECK(vial.run({"logs", "lives"}).out == "begin\nend\n");
  CHECK(vial.run({"rm", "lives"}).code == 0);
}

TEST_CASE("the command in the foreground is told when the monitor is killed") {
  const Vial vial;
  RunningProgram program(
      vial.command_line({"run", "--name", "told", "busybox", "sh", "-c", "echo begin; exec sleep 1000"}),
      vial.directory());
  REQUIRE(within(kPatience, [&] { return program.out() == "begin\n"; }));
  REQUIRE(::kill(monitor_of(vial, "told"), SIGKILL) == 0);
  const auto outcome = program.wait();
  CHECK(outcome.code == 125);
  CHECK_THAT(outcome.err, Contains("the monitor of the container is gone"));
  CHECK(vial.run({"rm", "-f", "told"}).code == 0);
}

TEST_CASE("what `run -d` has started can be entered, though its monitor is killed at once") {
  const Vial vial;
  for (int i = 0; i < 10; ++i) {
    const std::string id(trim(vial.run({"run", "-d", "--name", "alone", "busybox", "sleep", "1000"}).out));
    // Written before the command's end, not some time after it.
    CHECK(path_exists(vial.data_root() + "/containers/" + id + "/config.json"));
    REQUIRE(::kill(monitor_of(vial, "alone"), SIGKILL) == 0);
    CHECK(vial.run({"exec", "alone", "echo", "in"}).out == "in\n");
    CHECK(vial.run({"rm", "-f", "alone"}).code == 0);
  }
}

TEST_CASE("a killed monitor that has let go of its lock but is not yet dead is no reason to leave anything") {
  const Vial vial;
  const HostPicture before = HostPicture::with_cgroups({vial.data_root(), vial.run_root()});
  start_alone(vial, "sleep 1000");
  const std::string path = vial.run_root() + "/containers/" + field(vial, "alone", "Id") + "/state.json";
  Json state = parse_json(read_file(path).value()).value();
  // This program is alive and holds no lock: what the kernel shows for a moment.
  const auto self = identify(::getpid());
  REQUIRE(self);
  state["x"]["monitorPid"] = self->pid;
  state["x"]["monitorStartTicks"] = self->start_ticks;
  state["x"]["monitorInode"] = self->inode;
  REQUIRE(replace_file(path, dump_json(state)));
  REQUIRE(::kill(state["pid"].get<pid_t>(), SIGKILL) == 0);
  CHECK(vial.run({"rm", "-f", "alone"}).code == 0);
  const std::string left = leaks_since(before, kPatience);
  INFO(left);
  CHECK(left.empty());
}

TEST_CASE("a container without its monitor is shown, entered, stopped and removed") {
  const Vial vial;
  start_alone(vial, "trap 'exit 0' TERM; while :; do sleep 0.05; done");
  CHECK_THAT(vial.run({"ps", "--format", "{{.Names}} {{.Status}}"}).out,
             Catch::StartsWith("alone Up ") && Contains("(monitor lost)"));
  CHECK(field(vial, "alone", "State.Running") == "true");
  CHECK(vial.run({"exec", "alone", "echo", "inside"}).out == "inside\n");
  CHECK(vial.run({"logs", "alone"}).out == "begin\n");
  CHECK(vial.run({"attach", "alone"}).code == 1);
  CHECK(vial.run({"stop", "alone"}).out == "alone\n");
  CHECK(field(vial, "alone", "State.Status") == "exited");
  CHECK(field(vial, "alone", "State.ExitCode") == "255");  // nobody saw it
  CHECK(vial.run({"start", "-d", "alone"}).code == 125);
  CHECK(vial.run({"start", "alone"}).code == 0);
  CHECK(vial.run({"rm", "-f", "alone"}).code == 0);
}

TEST_CASE("wait and logs -f of a container without its monitor end when it ends") {
  const Vial vial;
  start_alone(vial, "while [ ! -e /tmp/end ]; do sleep 0.02; done");
  RunningProgram waiting(vial.command_line({"wait", "alone"}), vial.directory());
  RunningProgram following(vial.command_line({"logs", "-f", "alone"}), vial.directory());
  CHECK(vial.run({"exec", "alone", "touch", "/tmp/end"}).code == 0);
  CHECK(waiting.wait().out == "255\n");
  CHECK(following.wait().out == "begin\n");
  CHECK(vial.run({"rm", "alone"}).code == 0);
}

TEST_CASE("kill and rm -f of a container without its monitor") {
  const Vial vial;
  start_alone(vial, "sleep 1000");
  CHECK(vial.run({"kill", "alone"}).code == 0);
  CHECK(field(vial, "alone", "State.Status") == "exited");
  CHECK(vial.run({"rm", "alone"}).code == 0);
  start_alone(vial, "sleep 1000");
  CHECK(vial.run({"rm", "alone"}).code == 1);
  CHECK(vial.run({"rm", "-f", "alone"}).code == 0);
}

TEST_CASE("a killed monitor's --rm container is removed by the next command after its end") {
  const Vial vial;
  REQUIRE(vial.run({"run", "-d", "--rm", "--name", "passing", "busybox", "sh", "-c",
                    "while [ ! -e /tmp/end ]; do sleep 0.02; done"})
              .code == 0);
  // The monitor writes what exec reads behind the start; exec waits for it.
  REQUIRE(vial.run({"exec", "passing", "true"}).code == 0);
  REQUIRE(::kill(monitor_of(vial, "passing"), SIGKILL) == 0);
  CHECK(vial.run({"exec", "passing", "touch", "/tmp/end"}).code == 0);
  CHECK(within(kPatience, [&] {
    (void)living_children();
    return vial.run({"stop", "passing"}).code == 1;
  }));
  CHECK(vial.run({"ps", "-aq"}).out.empty());
}

TEST_CASE("the command and everything that it started are killed at random moments") {
  const Vial vial;
  const HostPicture before = HostPicture::with_cgroups({vial.data_root(), vial.run_root()});
  std::minstd_rand random(7);
  const int rounds = in_vm() ? 5 : 40;
  const long most_us = in_vm() ? 400'000 : 30'000;
  for (int i = 0; i < rounds; ++i) {
    const Words words = {"run", "--name", "struck", "busybox", "sh", "-c", "sleep 0.01; exit 3"};
    RunningProgram program(vial.command_line(words), vial.directory());
    const timespec moment = {0, static_cast<long>(random() % static_cast<unsigned long>(most_us)) * 1000};
    ::nanosleep(&moment, nullptr);
    // The command, its monitor and what the monitor is cloning: whoever is a child of this program or of the
    // command.
    for (const char* program_name : {"vial", "vial:monitor"}) {
      for (const auto& pid : list_directory("/proc").value_or({})) {
        const std::string comm = read_file("/proc/" + pid + "/comm").value_or("");
        const std::string line = read_file("/proc/" + pid + "/cmdline").value_or("");
        const auto number = parse_uint(pid);
        if (number && trim(comm) == program_name && contains(line, vial.run_root()))
          ::kill(static_cast<pid_t>(*number), SIGKILL);
      }
    }
    (void)program.wait();
    INFO("round " << i << ", after " << moment.tv_nsec / 1000 << " us");
    const auto listed = vial.run({"ps", "-a", "--format", "{{.Names}} {{.State}}"});
    CHECK(listed.code == 0);
    const auto removed = vial.run({"rm", "-f", "struck"});
    INFO(listed.out << removed.err);
    CHECK(removed.code == 0);
    CHECK(vial.run({"ps", "-aq"}).out.empty());
    const std::string left = leaks_since(before, kPatience);
    INFO(left);
    CHECK(left.empty());
  }
}
