// vial-oci between its commands: the gate, what is left by a death at any step, what is told about it.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

std::string state_directory(const OciBundle& oci) {
  return oci.directory() + "/state/" + oci.id();
}

// What the descriptors of a process are.
std::string descriptors(pid_t pid) {
  std::string text;
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  for (const auto& name : list_directory(directory).value_or({})) {
    std::string target(4096, '\0');
    const auto size = ::readlink((directory + "/" + name).c_str(), target.data(), target.size());
    text += name + " " + target.substr(0, size < 0 ? 0 : static_cast<size_t>(size)) + "\n";
  }
  return text;
}

pid_t pid_of(const OciBundle& oci) {
  return oci.state().value("pid", 0);
}

constexpr int kMostSteps = 60;

}  // namespace

TEST_CASE("a container whose state is damaged can be deleted with force, and that is told") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const pid_t pid = pid_of(oci);
  const std::string init = read_file(state_directory(oci) + "/init.json").value();
  REQUIRE(replace_file(state_directory(oci) + "/init.json", "garbage"));
  CHECK(oci.call({"delete", oci.id()}).code != 0);
  SECTION("init.json: the cgroup says who is to be killed") {
    const Outcome deleted = oci.call({"delete", "--force", oci.id()});
    CHECK(deleted.code == 0);
    CHECK(deleted.err.empty());
  }
  SECTION("container.json, too: nothing says where the cgroup is") {
    REQUIRE(replace_file(state_directory(oci) + "/init.json", init));
    REQUIRE(replace_file(state_directory(oci) + "/container.json", "garbage"));
    const Outcome deleted = oci.call({"delete", "--force", oci.id()});
    CHECK(deleted.code == 0);
    CHECK_THAT(deleted.err, Contains("level=warning") && Contains("left on the host is not known"));
    for (const auto& group : oci.cgroups())
      CHECK(::rmdir(group.c_str()) == 0);
  }
  // Dead, if not reaped yet.
  CHECK(read_file("/proc/" + std::to_string(pid) + "/cmdline").value_or("").empty());
  CHECK(oci.state().is_null());
}

TEST_CASE("a pid file that is a device is written to, not replaced or removed") {
  OciBundle oci;
  const std::string device = oci.directory() + "/null";
  REQUIRE(::mknod(device.c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  const auto is_device = [&device] {
    struct stat status = {};
    return ::lstat(device.c_str(), &status) == 0 && S_ISCHR(status.st_mode);
  };
  CHECK(oci.run({"true"}, {"--pid-file", device}).code == 0);
  CHECK(is_device());
  CHECK(oci.run({"no-such-program"}, {"--pid-file", device}).code != 0);
  CHECK(is_device());
}

TEST_CASE("a program that vanished between create and start is an error of start") {
  OciBundle oci;
  REQUIRE(::link((oci.rootfs("/bin/busybox")).c_str(), oci.rootfs("/bin/sleep2").c_str()) == 0);
  REQUIRE(oci.create({"/bin/sleep2"}).code == 0);
  REQUIRE(::unlink(oci.rootfs("/bin/sleep2").c_str()) == 0);
  const Outcome started = oci.start();
  CHECK(started.code == 1);
  CHECK_THAT(started.err, Contains("exec: \\\"/bin/sleep2\\\"") && Contains("no such file or directory"));
  CHECK(oci.becomes("stopped"));
  CHECK(oci.call({"delete", oci.id()}).code == 0);
}

TEST_CASE("of many starters one starts the container") {
  OciBundle oci;
  REQUIRE(oci.create({"sh", "-c", "echo one >> /count; exec sleep 100"}).code == 0);
  constexpr int kStarters = 6;
  std::vector<std::unique_ptr<RunningProgram>> starters;
  for (int i = 0; i < kStarters; ++i)
    starters.push_back(
        std::make_unique<RunningProgram>(oci.command_line({"start", oci.id()}), oci.directory()));
  int started = 0;
  for (auto& starter : starters) {
    const Outcome outcome = starter->wait();
    if (outcome.code == 0) {
      ++started;
    } else {
      CHECK_THAT(outcome.err, Contains("cannot start an already running container"));
    }
  }
  CHECK(started == 1);
  CHECK(within(kPatience, [&] { return read_file(oci.rootfs("/count")).value_or("") == "one\n"; }));
  CHECK(oci.status() == "running");
  oci.remove();
}

TEST_CASE("a visitor of the gate who says nothing changes nothing") {
  OciBundle oci;
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  const pid_t visitor = ::fork();
  if (visitor == 0) {
    const Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const sockaddr_un address = {AF_UNIX, "gate"};
    const bool entered = ::chdir(state_directory(oci).c_str()) == 0;
    ::_exit(entered && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),  // NOLINT
                                 sizeof address) == 0
                ? 0
                : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(visitor, &status, 0) == visitor);
  REQUIRE(status == 0);
  CHECK(oci.status() == "created");
  CHECK(oci.start().code == 0);
  CHECK(oci.status() == "running");
  oci.remove();
}

// CVE-2024-21626, CVE-2016-9962: neither what the caller left open nor what we need ourselves goes along.
TEST_CASE("a waiting init holds its gate and the standard streams, a running program only these") {
  OciBundle oci;
  // Without close-on-exec, as a careless caller has it. NOLINTNEXTLINE(android-cloexec-open)
  const Fd leaked(::open("/etc/passwd", O_RDONLY));
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  const pid_t pid = pid_of(oci);
  const std::string waiting = descriptors(pid);
  INFO(waiting);
  for (const std::string& other :
       {std::string("/etc/passwd"), oci.directory() + "/state", std::string("/sys/fs")})
    CHECK_THAT(waiting, !Contains(other));
  REQUIRE(oci.start().code == 0);
  const std::string running = descriptors(pid);
  INFO(running);
  CHECK(split(std::string(trim(running)), '\n').size() == 3);
  oci.remove();
}

TEST_CASE("a create that fails at any step says where, and leaves nothing") {
  OciBundle oci;
  int failed = 0;
  for (int k = 0; k < kMostSteps; ++k) {
    Outcome outcome;
    {
      const Variable fault("VIAL_FAIL_AT", k);
      outcome = oci.create({"true"}, {"--pid-file", oci.directory() + "/pid"});
      if (outcome.code == 0) break;
    }
    ++failed;
    INFO("step " << k << ": " << outcome.err);
    CHECK(outcome.code == 1);
    CHECK_THAT(outcome.err, Contains("step " + std::to_string(k + 1) + "/") && Contains("injected fault"));
    CHECK_FALSE(path_exists(state_directory(oci)));
    CHECK_FALSE(path_exists(oci.directory() + "/pid"));
    CHECK(oci.cgroups().empty());
  }
  CHECK(failed > 20);
  oci.remove();
}

TEST_CASE("a create that is killed at any step: the next command tells the truth, delete leaves nothing") {
  // With hooks the two sides wait for each other in the middle.
  const auto with_hooks = GENERATE(false, true);
  OciBundle oci;
  if (with_hooks) {
    const Json hooks = Json::array({{{"path", "/bin/true"}}});
    oci.spec["hooks"] = {{"prestart", hooks}, {"createRuntime", hooks}, {"createContainer", hooks}};
  }
  int killed = 0;
  for (int k = 0; k < kMostSteps; ++k) {
    Outcome outcome;
    {
      const Variable fault("VIAL_KILL_AT", k);
      outcome = oci.create({"true"});
    }
    if (outcome.code == 0) break;
    ++killed;
    INFO("hooks: " << with_hooks << " step " << k << ": " << outcome.code << " " << outcome.err);
    CHECK(outcome.code == 128 + SIGKILL);
    CHECK(oci.becomes("stopped"));
    CHECK_THAT(oci.create({"true"}).err, Contains("container with given ID already exists"));
    CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
    CHECK(oci.status() == "unknown");
    CHECK(oci.cgroups().empty());
  }
  CHECK(killed > 20);
  oci.remove();
}

TEST_CASE("a create that is killed before the gate is open leaves a stopped container, which delete takes") {
  OciBundle oci;
  {
    const Variable fault("VIAL_KILL_AT", "gate");
    CHECK(oci.create({"true"}).code == 128 + SIGKILL);
  }
  CHECK(oci.status() == "stopped");
  CHECK(oci.state().value("pid", -1) == 0);
  const auto listed = parse_json(oci.call({"list", "--format", "json"}).out);
  REQUIRE(listed);
  CHECK((*listed)[0]["status"] == "stopped");
  CHECK_THAT(oci.start().err, Contains("cannot start a container that has stopped"));
  CHECK_THAT(oci.call({"pause", oci.id()}).err, Contains("container not running"));
  CHECK_THAT(oci.call({"exec", oci.id(), "true"}).err, Contains("cannot exec in a stopped container"));
  const Outcome deleted = oci.call({"delete", oci.id()});
  INFO(deleted.err);
  CHECK(deleted.code == 0);
  CHECK(oci.status() == "unknown");
  CHECK(oci.cgroups().empty());
}

TEST_CASE("a starter that is killed at any step leaves a container that is dead or can be killed") {
  for (int k = 25; k < kMostSteps; ++k) {
    OciBundle oci;
    oci.spec["process"]["noNewPrivileges"] = true;
    oci.spec["linux"]["seccomp"] = {{"defaultAction", "SCMP_ACT_ALLOW"}};
    Outcome created;
    {
      const Variable fault("VIAL_KILL_AT", k);
      created = oci.create({"sleep", "100"});
    }
    const Outcome started = oci.start();
    INFO("step " << k << ": " << created.code << " " << created.err << started.code << " " << started.err);
    if (created.code == 0 && started.code != 0) {
      CHECK(started.code == 128 + SIGKILL);
      CHECK(oci.becomes("stopped"));
    }
    CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
    if (created.code == 0 && started.code == 0) break;
  }
}

TEST_CASE("a starter that is killed before it has said so leaves a container that the next one starts") {
  OciBundle oci;
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  {
    const Variable fault("VIAL_KILL_AT", "gate.come");
    CHECK(oci.start().code == 128 + SIGKILL);
  }
  CHECK(oci.status() == "created");
  const Outcome started = oci.start();
  INFO(started.err);
  CHECK(started.code == 0);
  CHECK(oci.status() == "running");
  oci.remove();
}

TEST_CASE("a starter that is killed once it has said so leaves a container that runs") {
  OciBundle oci;
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  {
    const Variable fault("VIAL_KILL_AT", "gate.started");
    CHECK(oci.start().code == 128 + SIGKILL);
  }
  CHECK(oci.becomes("running"));
  CHECK_THAT(oci.start().err, Contains("cannot start an already running container"));
  CHECK(oci.call({"exec", oci.id(), "true"}).code == 0);
  CHECK(oci.call({"pause", oci.id()}).code == 0);
  CHECK(oci.status() == "paused");
  CHECK(oci.call({"resume", oci.id()}).code == 0);
  CHECK(oci.status() == "running");
  oci.remove();
}

TEST_CASE("kill -9 of a run in the foreground leaves a container that runs and can be deleted") {
  OciBundle oci;
  oci.spec["process"]["args"] = {"sleep", "100"};
  oci.write_config();
  RunningProgram run(oci.command_line({"run", "--bundle", oci.bundle(), oci.id()}), oci.directory());
  REQUIRE(within(kPatience, [&] { return oci.status() == "running"; }));
  run.signal(SIGKILL);
  CHECK(run.wait().code == 128 + SIGKILL);
  CHECK(oci.status() == "running");
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
  CHECK(oci.status() == "unknown");
}

TEST_CASE("a container of another boot is stopped") {
  OciBundle oci;
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  const std::string path = state_directory(oci) + "/init.json";
  auto document = parse_json(read_file(path).value_or("")).value();
  const Json before = document;
  document["bootId"] = "00000000-0000-0000-0000-000000000000";
  REQUIRE(replace_file(path, dump_json(document)));
  CHECK(oci.status() == "stopped");
  REQUIRE(replace_file(path, dump_json(before)));
  CHECK(oci.status() == "created");
  oci.remove();
}

TEST_CASE("delete --force takes a paused container, and one whose state was never written") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  CHECK_THAT(oci.call({"delete", oci.id()}).err,
             Contains("cannot delete container " + oci.id() + " that is not stopped: paused"));
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
  REQUIRE(make_directories(state_directory(oci)));
  CHECK(oci.status() == "stopped");
  CHECK(oci.call({"list", "-q"}).out == oci.id() + "\n");
  CHECK(oci.call({"delete", oci.id()}).code == 0);
  CHECK(oci.call({"delete", oci.id()}).code == 1);
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
}

TEST_CASE("what is paused before its start can be started when it is resumed, not earlier") {
  OciBundle oci;
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  CHECK_THAT(oci.start().err, Contains("cannot start a container in the paused state"));
  REQUIRE(oci.call({"resume", oci.id()}).code == 0);
  CHECK(oci.status() == "created");
  CHECK(oci.start().code == 0);
  CHECK(oci.status() == "running");
  oci.remove();
}

TEST_CASE("a program whose interpreter is not there is told apart from one that is not there") {
  OciBundle oci;
  REQUIRE(create_file(oci.rootfs("/script"), "#!/no/interpreter\n", 0755));
  REQUIRE(oci.create({"/script"}).code == 0);
  const Outcome started = oci.start();
  CHECK(started.code == 1);
  CHECK_THAT(started.err, Contains("exec: \\\"/script\\\": no such file or directory: it is there"));
  CHECK(oci.becomes("stopped"));
  CHECK_THAT(oci.call({"events", "--stats", oci.id()}).err,
             Contains("container with id " + oci.id() + " is not running"));
  oci.remove();
}

TEST_CASE("a paused container dies of KILL at once") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  REQUIRE(oci.call({"pause", oci.id()}).code == 0);
  CHECK(oci.status() == "paused");
  CHECK(oci.call({"kill", oci.id(), "9"}).code == 0);
  CHECK(oci.becomes("stopped"));
  oci.remove();
}

TEST_CASE("kill without the name of a signal, or with an empty one, sends TERM") {
  OciBundle oci;
  oci.launch({"sh", "-c", "trap 'echo term' TERM; echo up; while :; do sleep 0.02; done"});
  const auto says = [&oci](const std::string& text) {
    for (int i = 0; i < 500 && oci.output() != text; ++i)
      ::poll(nullptr, 0, 10);
    return oci.output() == text;
  };
  REQUIRE(says("up\n"));
  CHECK(oci.call({"kill", oci.id()}).code == 0);
  CHECK(says("up\nterm\n"));
  CHECK(oci.call({"kill", oci.id(), ""}).code == 0);
  CHECK(says("up\nterm\nterm\n"));
  oci.remove();
}
