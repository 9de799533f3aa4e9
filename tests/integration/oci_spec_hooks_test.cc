// All six hooks over the life of a container, by the real vial-oci.
#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_spec_bundle.h"

namespace {

Json hook(const std::string& script) {
  return {{"path", "/bin/sh"}, {"args", {"sh", "-c", script}}, {"env", {"PATH=/bin:/usr/bin"}}};
}

// Hooks of every list that write "NAME STATUS" to one file, which the container has, too.
void log_all(SpecBundle& bundle) {
  const std::string file = bundle.directory() + "/log";
  REQUIRE(create_file(file, "", 0666));
  bundle.config["mounts"].push_back(
      {{"destination", "/log"}, {"type", "bind"}, {"source", file}, {"options", {"bind", "rw"}}});
  for (const char* name :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}) {
    const std::string target = name == std::string("startContainer") ? "/log" : file;
    const std::string script = "echo " + std::string(name) +
                               " $(tr , '\\n' | sed -n 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/p') >> " +
                               target;
    bundle.config["hooks"][name] = Json::array({hook(script)});
  }
}

std::string log_of(const SpecBundle& bundle) {
  return read_file(bundle.directory() + "/log").value();
}

}  // namespace

// spec: config.md#hooks.poststart
// spec: config.md#hooks.poststop
// spec: config.md#hooks.stdin
TEST_CASE("hooks run in the order of the life cycle, each with the status of its moment") {
  SpecBundle bundle;
  log_all(bundle);
  bundle.set_script("echo program >> /log; sleep 100");
  const Outcome created = bundle.create();
  INFO(created.err);
  REQUIRE(created.code == 0);
  CHECK(log_of(bundle) == "prestart creating\ncreateRuntime creating\ncreateContainer creating\n");
  REQUIRE(bundle.oci({"start", bundle.id()}).code == 0);
  const std::string started = log_of(bundle);
  CHECK(contains(started, "startContainer created\n"));
  CHECK(contains(started, "poststart running\n"));
  CHECK(started.find("startContainer") < started.find("program"));
  REQUIRE(bundle.oci({"delete", "--force", bundle.id()}).code == 0);
  CHECK(log_of(bundle).ends_with("poststop stopped\n"));
}

// spec: runtime.md#lifecycle.hook-failure
// spec: runtime.md#lifecycle.poststop
TEST_CASE("a hook that fails takes the container down, and poststop hooks run nevertheless") {
  for (const std::string name :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart"}) {
    INFO(name);
    SpecBundle bundle;
    log_all(bundle);
    bundle.set_script("sleep 100");
    bundle.config["hooks"][name].push_back(hook("echo broken >&2; exit 9"));
    const Outcome outcome = bundle.run();
    CHECK(outcome.code != 0);
    CHECK(contains(outcome.err, name + " hook 2/2 /bin/sh: exited with code 9: broken"));
    CHECK(bundle.leftovers().empty());
    CHECK(log_of(bundle).ends_with("poststop stopped\n"));
  }
}

// spec: runtime.md#lifecycle.poststop
TEST_CASE("a poststop hook that fails is a warning of delete, and the others run") {
  SpecBundle bundle;
  log_all(bundle);
  bundle.config["hooks"]["poststop"].insert(bundle.config["hooks"]["poststop"].begin(), hook("exit 3"));
  REQUIRE(bundle.create().code == 0);
  const Outcome deleted = bundle.oci({"delete", "--force", bundle.id()});
  CHECK(deleted.code == 0);
  CHECK(contains(deleted.err, "poststop hook 1/2 /bin/sh: exited with code 3"));
  CHECK(log_of(bundle).ends_with("poststop stopped\n"));
  CHECK(bundle.leftovers().empty());
}

TEST_CASE("a hook that never ends is ended by its timeout") {
  SpecBundle bundle;
  Json slow = hook("sleep 100");
  slow["timeout"] = 1;
  bundle.config["hooks"]["createRuntime"] = Json::array({slow});
  const Outcome outcome = bundle.create();
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "had not ended after 1 s"));
  CHECK(bundle.leftovers().empty());
}

// spec: runtime.md#kill
TEST_CASE("a container that is still being created can't be killed, and is not") {
  SpecBundle bundle;
  bundle.set_script("sleep 100");
  const std::string file = bundle.directory() + "/killed";
  // The hook's parent is `vial-oci --root ROOT create ...`.
  bundle.config["hooks"]["createRuntime"] =
      Json::array({hook("set -- $(tr '\\0' ' ' < /proc/$PPID/cmdline); "
                        "for all in '' --all; do \"$1\" \"$2\" \"$3\" kill $all " +
                        bundle.id() + " KILL; echo code $?; done > " + file + " 2>&1")});
  const Outcome created = bundle.create();
  INFO(created.err);
  CHECK(created.code == 0);
  const std::string said = read_file(file).value();
  INFO(said);
  CHECK(split(said, '\n').size() == 5);  // two errors, two codes
  CHECK(contains(said, "cannot kill a container that is still being created"));
  CHECK_FALSE(contains(said, "code 0"));
  CHECK(bundle.status() == "created");
}
