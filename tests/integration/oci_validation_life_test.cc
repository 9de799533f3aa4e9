// The life cycle of runtime.md: create, start, state, kill, delete.
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

namespace {

bool text_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string file_text(const std::string& path) {
  return std::string(trim(read_file(path).value_or("")));
}

// A process that says which of the usual signals it got, and ends by INT.
constexpr const char* kTrapper =
    "trap 'echo got TERM' TERM; trap 'echo got USR1' USR1; trap 'echo got HUP; exit 7' HUP; echo ready; "
    "while :; do sleep 0.05; done";

}  // namespace

// spec: runtime.md#create MUST generate an error if the id is not unique; MUST NOT run the program
// spec: runtime.md#lifecycle the environment is created at create, the program runs at start
TEST_CASE("create makes everything but runs nothing until start") {
  OciBundle oci;
  REQUIRE(oci.create({"sh", "-c", "echo started > /trace; echo out"}).code == 0);
  CHECK(oci.status() == "created");
  CHECK_FALSE(path_exists(oci.rootfs("/trace")));
  CHECK(oci.output().empty());
  CHECK_FALSE(oci.cgroups().empty());
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK(file_text(oci.rootfs("/trace")) == "started");
  CHECK(oci.output() == "out\n");
  oci.remove();
}

// spec: runtime.md#create MUST generate an error if the id provided is not unique across all containers
TEST_CASE("an id is given once, and again when its container is deleted") {
  OciBundle oci;
  REQUIRE(oci.create({"true"}).code == 0);
  const Json before = oci.state();
  const Outcome second = oci.create();
  CHECK(second.code != 0);
  CHECK(text_has(second.err, "exist"));
  CHECK(oci.state() == before);
  oci.remove();
  REQUIRE(oci.create({"true"}).code == 0);
  oci.remove();
}

// spec: runtime.md#create any change to config.json after the create operation MUST NOT have an effect on the
// container
TEST_CASE("the configuration is read by create and not again") {
  OciBundle oci;
  REQUIRE(oci.create({"sh", "-c", "echo first $0 $(uname -n)"}).code == 0);
  oci.spec["process"]["args"] = {"sh", "-c", "echo second"};
  oci.spec["hostname"] = "other";
  oci.write_config();
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK(oci.output() == "first sh validation\n");
  oci.remove();
}

// spec: runtime.md#start MUST run the user-specified program as specified by process
// spec: runtime.md#start attempting to start a container that is not created MUST generate an error and have
// no effect
TEST_CASE("start works once, on a created container") {
  OciBundle oci;
  REQUIRE(oci.create({"sh", "-c", "echo one >> /count; while :; do sleep 0.1; done"}).code == 0);
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("running"));
  CHECK(oci.start().code != 0);
  CHECK(oci.status() == "running");
  REQUIRE(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK(oci.start().code != 0);
  CHECK(oci.status() == "stopped");
  CHECK(file_text(oci.rootfs("/count")) == "one");
  oci.remove();
  CHECK(oci.start().code != 0);
}

// spec: config.md#process start fails when the process is not set
TEST_CASE("a container without a process is not started") {
  OciBundle oci;
  oci.spec.erase("process");
  // Refused by create or by start: the specification leaves that open.
  const bool created = oci.create().code == 0;
  if (created) {
    CHECK(oci.start().code != 0);
    oci.remove();
  }
  CHECK(oci.status() == "unknown");
}

// spec: runtime.md#state MUST include ociVersion, id, status, bundle, and pid unless stopped
// spec: runtime.md#query-state MUST generate an error if it is not provided the ID of a container
TEST_CASE("state tells who the container is") {
  OciBundle oci;
  oci.spec["annotations"] = {{"org.example.color", "blue"}, {"org.example.empty", ""}};
  CHECK(oci.call({"state"}).code != 0);
  const Outcome unknown = oci.call({"state", oci.id()});
  CHECK(unknown.code != 0);
  CHECK(unknown.out.empty());
  oci.launch({"sleep", "100"});
  const Json running = oci.state();
  CHECK(running["id"] == oci.id());
  CHECK(running["status"] == "running");
  CHECK(running["bundle"] == oci.bundle());
  CHECK(running["annotations"]["org.example.color"] == "blue");
  CHECK(running["annotations"]["org.example.empty"].get<std::string>().empty());
  CHECK(running["ociVersion"].get<std::string>().starts_with("1."));
  const std::string pid = std::to_string(running["pid"].get<int>());
  CHECK(text_has(read_file("/proc/" + pid + "/cmdline").value_or(""), "sleep"));
  REQUIRE(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK(oci.state().value("pid", 0) == 0);
  oci.remove();
  CHECK(oci.call({"state", oci.id()}).code != 0);
}

// spec: runtime.md#kill MUST send the specified signal to the container process
TEST_CASE("kill sends the signal it is told, by name or number, TERM by default") {
  OciBundle oci;
  oci.launch({"sh", "-c", kTrapper});
  REQUIRE(within(kPatience, [&] { return text_has(oci.output(), "ready"); }));
  CHECK(oci.call({"kill", oci.id(), "0"}).code == 0);
  CHECK(oci.call({"kill", oci.id(), "USR1"}).code == 0);
  CHECK(within(kPatience, [&] { return text_has(oci.output(), "got USR1"); }));
  CHECK(oci.call({"kill", oci.id()}).code == 0);
  CHECK(within(kPatience, [&] { return text_has(oci.output(), "got TERM"); }));
  if (oci_runtime_name() != "crun") CHECK(oci.call({"kill", oci.id(), "NOSUCH"}).code != 0);
  CHECK(oci.call({"kill", oci.id(), "SIGUSR1"}).code == 0);
  CHECK(within(kPatience, [&] { return text_has(oci.output(), "got TERM\ngot USR1"); }));
  CHECK(oci.call({"kill", oci.id(), std::to_string(SIGHUP)}).code == 0);
  CHECK(oci.becomes("stopped"));
  oci.remove();
}

// spec: runtime.md#kill a container that is neither created nor running MUST generate an error and have no
// effect
TEST_CASE("kill of what does not run is an error that callers know") {
  OciBundle oci;
  const Outcome unknown = oci.call({"kill", oci.id(), "KILL"});
  CHECK(unknown.code != 0);
  if (oci_runtime_name() != "crun") CHECK(text_has(unknown.err, "does not exist"));
  oci.launch({"true"});
  REQUIRE(oci.becomes("stopped"));
  const Json before = oci.state();
  const Outcome stopped = oci.call({"kill", oci.id(), "KILL"});
  CHECK(stopped.code != 0);
  // containerd's shim takes these texts for "not found" and everything else for a failure of its own.
  INFO(stopped.err);
  CHECK((text_has(stopped.err, "container not running") || text_has(stopped.err, "no such process") ||
         text_has(stopped.err, "No such process")));
  CHECK(oci.state() == before);
  CHECK(oci.call({"kill"}).code != 0);
  oci.remove();
}

// spec: runtime.md#kill a created container may be killed
TEST_CASE("a container that was created and not started is killed") {
  OciBundle oci;
  REQUIRE(oci.create({"true"}).code == 0);
  CHECK(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  CHECK(oci.becomes("stopped"));
  oci.remove();
}

// spec: runtime.md#delete a container that is not stopped MUST have no effect on the container and generate
// an error
TEST_CASE("delete wants a stopped container, delete --force any") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  CHECK(oci.call({"delete", oci.id()}).code != 0);
  CHECK(oci.status() == "running");
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
  CHECK(oci.status() == "unknown");
  CHECK(oci.call({"delete", oci.id()}).code != 0);
  // containerd's clean-up process always does this after a delete.
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
}

// spec: runtime.md#delete MUST delete the resources that were created during the create step
// spec: runtime.md#delete resources associated with the container but not created by it MUST NOT be deleted
TEST_CASE("delete removes what create made and nothing else") {
  OciBundle oci;
  REQUIRE(oci.create({"touch", "/kept"}).code == 0);
  CHECK_FALSE(oci.cgroups().empty());
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("stopped"));
  oci.remove();
  CHECK(oci.cgroups().empty());
  CHECK(list_directory(oci.directory() + "/state").value_or({"?"}).empty());
  CHECK(path_exists(oci.rootfs("/kept")));
  CHECK(path_exists(oci.bundle() + "/config.json"));
}

// spec: runtime.md#create the pid file of the command line holds the pid of the container process
TEST_CASE("--pid-file names the process on the host") {
  OciBundle oci;
  const std::string file = oci.directory() + "/pid";
  REQUIRE(oci.create({"sleep", "100"}, {"--pid-file", file}).code == 0);
  const std::string pid = read_file(file).value_or("");
  CHECK(pid == std::to_string(oci.state()["pid"].get<int>()));
  CHECK(path_exists("/proc/" + pid));
  oci.remove();
}

// spec: config.md#extensibility unknown properties MUST be ignored
TEST_CASE("what a configuration says beyond the specification is ignored") {
  OciBundle oci;
  oci.spec["unknown"] = "unknown";
  oci.spec["linux"]["alsoUnknown"] = {{"deep", {1, 2, 3}}};
  oci.spec["process"]["stillUnknown"] = nullptr;
  CHECK(oci.run({"true"}).code == 0);
}

// spec: config.md#annotations keys MUST be strings and not empty; MUST NOT be missing from the state
// spec: config.md#valid-values runtimes MUST generate an error when invalid or unsupported values are
// encountered
TEST_CASE("an ociVersion that is none is refused") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // runc 1.1 and crun 1.8 accept them
  for (const char* version : {"", "latest", "2.0.0", "0.9.0"}) {
    oci.spec["ociVersion"] = version;
    INFO(version);
    CHECK(oci.run({"true"}).code != 0);
    CHECK(oci.status() == "unknown");
  }
}

// spec: runtime.md#errors an error MUST leave the state of the environment as if the operation were never
// attempted
TEST_CASE("a create that fails leaves nothing") {
  OciBundle oci;
  SECTION("the executable is missing") {
    const Outcome outcome = oci.create({"/no/such/program"});
    CHECK(outcome.code != 0);
    CHECK((text_has(outcome.err, "no such file or directory") || text_has(outcome.err, "not found")));
  }
  SECTION("the executable is in no directory of PATH") {
    const Outcome outcome = oci.create({"no-such-program"});
    CHECK(outcome.code != 0);
    CHECK((text_has(outcome.err, "executable file not found in $PATH") ||
           text_has(outcome.err, "executable file `no-such-program` not found")));
  }
  SECTION("the executable may not be executed") {
    REQUIRE(create_file(oci.rootfs("/bin/data"), "data", 0644));
    const Outcome outcome = oci.create({"/bin/data"});
    CHECK(outcome.code != 0);
    CHECK((text_has(outcome.err, "permission denied") || text_has(outcome.err, "is not executable") ||
           text_has(outcome.err, "Permission denied")));
  }
  SECTION("a mount can't be made") {
    oci.spec["mounts"].push_back(
        {{"destination", "/mnt"}, {"type", "bind"}, {"source", "/no/such"}, {"options", {"bind"}}});
    CHECK(oci.create({"true"}).code != 0);
  }
  SECTION("the rootfs is missing") {
    oci.spec["root"]["path"] = "nowhere";
    CHECK(oci.create({"true"}).code != 0);
  }
  CHECK(oci.status() == "unknown");
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
}

// spec: runtime.md#lifecycle run's exit status is the program's
TEST_CASE("run ends as its program ends") {
  OciBundle oci;
  CHECK(oci.run({"true"}).code == 0);
  CHECK(oci.run({"sh", "-c", "exit 7"}).code == 7);
  CHECK(oci.run({"/probe", "exit", "255"}).code == 255);
  CHECK(oci.shell("echo to stdout; echo to stderr >&2").out == "to stdout\n");
  CHECK(oci.shell("echo to stdout; echo to stderr >&2").err == "to stderr\n");
}
