// The operations of the runtime specification, by the real vial-oci.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_spec_bundle.h"
#include "tests/integration/running_program.h"

// spec: bundle.md#config
// spec: runtime.md#create.config
// spec: runtime.md#start.process
// spec: runtime.md#state.json
TEST_CASE("create applies the configuration, start runs the program, state tells which") {
  SpecBundle bundle;
  bundle.config["annotations"] = {{"who", "unit"}};
  bundle.set_script("echo started; hostname; sleep 100");
  bundle.config["hostname"] = "first";
  REQUIRE(bundle.create().code == 0);
  const Json created = parse_json(bundle.oci({"state", bundle.id()}).out).value();
  CHECK(created["ociVersion"].is_string());
  CHECK(created["id"] == bundle.id());
  CHECK(created["status"] == "created");
  CHECK(created["bundle"] == bundle.directory());
  CHECK(created["annotations"]["who"] == "unit");
  CHECK(std::to_string(created["pid"].get<int>()) == read_file(bundle.directory() + "/pid").value());
  CHECK(bundle.output().empty());
  // What is changed in the bundle from now on has no effect.
  bundle.config["hostname"] = "second";
  bundle.set_script("echo other");
  bundle.write_config();
  const Outcome started = bundle.oci({"start", bundle.id()});
  INFO(started.err);
  REQUIRE(started.code == 0);
  CHECK(within(kPatience, [&] { return bundle.output() == "started\nfirst\n"; }));
  const Json running = parse_json(bundle.oci({"state", bundle.id()}).out).value();
  CHECK(running["status"] == "running");
  CHECK(running["pid"] == created["pid"]);
}

// spec: runtime.md#create.id
// spec: runtime.md#state.unknown
TEST_CASE("an id is one container's; an unknown one is an error of every operation") {
  SpecBundle bundle;
  bundle.set_script("sleep 100");
  REQUIRE(bundle.create().code == 0);
  const Outcome again = bundle.create();
  CHECK(again.code != 0);
  CHECK(contains(again.err, "container with given ID already exists"));
  CHECK(bundle.status() == "created");
  for (const char* operation : {"state", "start", "kill", "delete"}) {
    INFO(operation);
    const Outcome unknown = bundle.oci({operation, "nobody"});
    CHECK(unknown.code != 0);
    CHECK(contains(unknown.err, "does not exist"));
  }
  CHECK(bundle.oci({"create", "-b", bundle.directory()}).code != 0);
}

// spec: runtime.md#start.state
// spec: runtime.md#kill
// spec: runtime.md#delete
TEST_CASE("each operation wants the status that the specification says") {
  SpecBundle bundle;
  bundle.set_script("trap 'exit 5' USR1; echo ready; while :; do sleep 1; done");
  REQUIRE(bundle.create().code == 0);
  REQUIRE(bundle.oci({"start", bundle.id()}).code == 0);
  CHECK(bundle.oci({"start", bundle.id()}).code != 0);
  const Outcome early = bundle.oci({"delete", bundle.id()});
  CHECK(early.code != 0);
  CHECK(contains(early.err, "not stopped"));
  CHECK(bundle.status() == "running");
  REQUIRE(within(kPatience, [&] { return bundle.output() == "ready\n"; }));
  CHECK(bundle.oci({"kill", bundle.id(), "USR1"}).code == 0);
  REQUIRE(bundle.becomes("stopped"));
  const Outcome late = bundle.oci({"kill", bundle.id(), "TERM"});
  CHECK(late.code != 0);
  CHECK(contains(late.err, "container not running"));
  CHECK(bundle.oci({"start", bundle.id()}).code != 0);
  CHECK(bundle.oci({"delete", bundle.id()}).code == 0);
  CHECK(bundle.leftovers().empty());
  CHECK(bundle.oci({"delete", bundle.id()}).code != 0);
  // A created one can be killed.
  REQUIRE(bundle.create().code == 0);
  CHECK(bundle.oci({"kill", bundle.id(), "KILL"}).code == 0);
  REQUIRE(bundle.becomes("stopped"));
  CHECK(bundle.oci({"delete", bundle.id()}).code == 0);
}

// spec: features.md#json
TEST_CASE("features says what is built, as JSON") {
  const SpecBundle bundle;
  const Outcome outcome = bundle.oci({"features"});
  REQUIRE(outcome.code == 0);
  const Json features = parse_json(outcome.out).value();
  CHECK(features["ociVersionMin"] == "1.0.0");
  CHECK(features["ociVersionMax"] == "1.3.0");
  CHECK(features["hooks"].size() == 6);
  for (const char* option : {"rro", "idmap", "ridmap", "tmpcopyup", "rprivate"}) {
    INFO(option);
    bool is_listed = false;
    for (const auto& entry : features["mountOptions"])
      is_listed = is_listed || entry == option;
    CHECK(is_listed);
  }
  CHECK(features["linux"]["namespaces"].size() == 8);
}

// spec: config.md#values
// spec: runtime.md#errors
TEST_CASE("a configuration that is wrong is one line that says what, and nothing is left") {
  SpecBundle bundle;
  const Json good = bundle.config;
  const auto refused = [&](const Json& patch, const std::string& words) {
    bundle.config = good;
    bundle.config.merge_patch(patch);
    const Outcome outcome = bundle.create();
    INFO(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, words));
    CHECK(printable(trim(outcome.err)) == trim(outcome.err));  // one line, and nothing that a terminal obeys
    CHECK(bundle.leftovers().empty());
    CHECK_FALSE(path_exists(bundle.directory() + "/pid"));
  };
  refused({{"ociVersion", "2.0.0"}}, "is not supported");
  refused({{"process", {{"args", {1, 2}}}}}, "/process/args/0");
  refused({{"process", {{"cwd", "relative"}}}}, "/process/cwd: not an absolute path");
  refused({{"process", {{"args", {"/bin/nothing"}}}}}, "no such file or directory");
  refused({{"process", {{"apparmorProfile", "vial-no-such-profile"}}}}, "AppArmor");
  refused({{"root", {{"path", "nothing"}}}}, "nothing: No such file or directory");
  refused({{"hostname", std::string(65, 'x')}}, "/hostname: longer than 64 bytes");
  refused({{"mounts", {{{"destination", "/x"}, {"type", "bind"}, {"source", "/no/such"}}}}}, "/no/such");
  refused({{"linux", {{"namespaces", {{{"type", "planet"}}}}}}}, "unknown namespace");
  refused({{"linux", {{"namespaces", {{{"type", "planet\x7f\xc2\x9b"}}}}}}}, "planet\\\\x7f\\\\xc2");
  refused({{"linux", {{"resources", {{"memory", {{"limit", "1G"}}}}}}}}, "/linux/resources/memory/limit");
  refused({{"linux", {{"sysctl", {{"kernel.panic", "1"}}}}}}, "kernel.panic");
  refused({{"linux", {{"rootfsPropagation", "public"}}}}, "/linux/rootfsPropagation");
  refused({{"linux", {{"intelRdt", {{"closID", "x"}}}}}}, "Intel RDT");
  refused({{"hooks", {{"createRuntime", {{{"path", "relative"}}}}}}}, "/hooks/createRuntime/0/path");
  refused({{"hooks", {{"createRuntime", {{{"path", "/bin/false"}}}}}}}, "createRuntime hook 1/1 /bin/false");
  refused({{"hooks", {{"createContainer", {{{"path", "/bin/false"}}}}}}},
          "createContainer hook 1/1 /bin/false");
}
