// Hooks of config.md and runtime.md: when they run, what they are told, what comes of a failure.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

namespace {

// A hook that runs `script` with the state on stdin; $D is the test's directory.
Json hook(const OciBundle& oci, const std::string& script) {
  return {{"path", "/bin/sh"},
          {"args", {"sh", "-c", script}},
          {"env", {"PATH=/usr/bin:/bin", "D=" + oci.directory()}}};
}

std::string noted(const OciBundle& oci, const std::string& name) {
  return std::string(trim(read_file(oci.directory() + "/" + name).value_or("")));
}

Json noted_state(const OciBundle& oci, const std::string& name) {
  INFO(name << ": " << noted(oci, name));
  const auto document = parse_json(noted(oci, name));
  REQUIRE(document);
  return *document;
}

// Hooks in the container's mount namespace see the test's directory through this.
void share_directory(OciBundle& oci) {
  REQUIRE(make_directories(oci.rootfs(oci.directory()), 0755));
  oci.spec["mounts"].push_back({{"destination", oci.directory()},
                                {"type", "bind"},
                                {"source", oci.directory()},
                                {"options", {"rbind", "rw"}}});
}

void check_state(const OciBundle& oci, const Json& state, const std::string& status) {
  CHECK(state["id"] == oci.id());
  CHECK(state["status"] == status);
  CHECK(state["bundle"] == oci.bundle());
  CHECK(state["annotations"]["color"] == "blue");
  CHECK(state["ociVersion"].is_string());
}

}  // namespace

// spec: runtime.md#lifecycle prestart, createRuntime, createContainer, startContainer, poststart, poststop in
// this order spec: config.md#posix-platform-hooks the hooks of a point MUST be called in the listed order
TEST_CASE("all six kinds of hooks run, in the order of the specification") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // runc 1.1 runs poststart at create, crun 1.8 before it is sure of the process
  share_directory(oci);
  for (const char* kind :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"})
    for (const char* which : {"1", "2"})
      oci.spec["hooks"][kind].push_back(hook(oci, std::string("echo ") + kind + which + " >> $D/order"));
  REQUIRE(oci.create({"sh", "-c", "echo program >> " + oci.directory() + "/order"}).code == 0);
  CHECK(noted(oci, "order") ==
        "prestart1\nprestart2\ncreateRuntime1\ncreateRuntime2\ncreateContainer1\ncreateContainer2");
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("stopped"));
  const std::string started = noted(oci, "order");
  INFO(started);
  const auto at = [&](const char* word) { return started.find(word); };
  CHECK(at("startContainer1") < at("startContainer2"));
  CHECK(at("startContainer2") < at("program"));
  CHECK(at("startContainer2") < at("poststart1"));
  CHECK(at("poststart1") < at("poststart2"));
  CHECK(at("program") != std::string::npos);
  CHECK(at("poststart2") != std::string::npos);
  CHECK(at("poststop") == std::string::npos);
  oci.remove();
  CHECK(noted(oci, "order").ends_with("\npoststop1\npoststop2"));
}

// spec: config.md#posix-platform-hooks the state MUST be passed to hooks over stdin
TEST_CASE("hooks get the container's state on stdin") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // runc 1.1 says pid 1, crun 1.8 another bundle
  share_directory(oci);
  oci.spec["annotations"] = {{"color", "blue"}};
  for (const char* kind :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"})
    oci.spec["hooks"][kind] = Json::array({hook(oci, std::string("cat > $D/state-") + kind)});
  // The program lives while poststart runs.
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  const Json created = oci.state();
  REQUIRE(oci.start().code == 0);
  oci.remove();
  for (const char* kind : {"prestart", "createRuntime", "createContainer"}) {
    const Json state = noted_state(oci, std::string("state-") + kind);
    INFO(kind << dump_json(state));
    if (is_vial_oci()) check_state(oci, state, "creating");  // older runtimes say "created"
    // In the runtime's namespaces the pid that the runtime sees, in the container's the one that the
    // container sees.
    CHECK(state["pid"] == (kind == std::string("createContainer") ? Json(1) : created["pid"]));
  }
  const Json starting = noted_state(oci, "state-startContainer");
  check_state(oci, starting, "created");
  CHECK(starting["pid"] == 1);
  const Json running = noted_state(oci, "state-poststart");
  check_state(oci, running, "running");
  CHECK(running["pid"] == created["pid"]);
  check_state(oci, noted_state(oci, "state-poststop"), "stopped");
}

// spec: config.md#prestart, #createRuntime run in the runtime namespace, #createContainer, #startContainer in
// the container's
TEST_CASE("hooks run in the namespaces of their kind") {
  OciBundle oci;
  share_directory(oci);
  for (const char* kind :
       {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"})
    oci.spec["hooks"][kind] =
        Json::array({hook(oci, std::string("uname -n > $D/host-") + kind + "; ls / > $D/root-" + kind)});
  REQUIRE(oci.create({"true"}).code == 0);
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("stopped"));
  oci.remove();
  for (const char* kind : {"prestart", "createRuntime", "poststart", "poststop"}) {
    INFO(kind);
    CHECK(noted(oci, std::string("host-") + kind) != "validation");
    CHECK(noted(oci, std::string("root-") + kind).find("probe") == std::string::npos);
  }
  // In the container's mount namespace before the root is changed, and after.
  CHECK(noted(oci, "root-createContainer").find("probe") == std::string::npos);
  CHECK(noted(oci, "root-startContainer").find("probe") != std::string::npos);
  CHECK(noted(oci, "host-startContainer") == "validation");
}

// spec: runtime.md#lifecycle if any prestart, createRuntime, createContainer hook fails, the container is
// torn down
TEST_CASE("a hook that fails before start stops the creation") {
  OciBundle oci;
  share_directory(oci);
  const std::string kind = GENERATE("prestart", "createRuntime", "createContainer");
  INFO(kind);
  oci.spec["hooks"][kind] = Json::array({hook(oci, "exit 3"), hook(oci, "touch $D/second")});
  oci.spec["hooks"]["poststop"] = Json::array({hook(oci, "touch $D/poststop")});
  const Outcome outcome = oci.create({"touch", "/ran"});
  CHECK(outcome.code != 0);
  CHECK(outcome.err.find("hook") != std::string::npos);
  CHECK(oci.status() == "unknown");
  CHECK_FALSE(path_exists(oci.directory() + "/second"));
  CHECK_FALSE(path_exists(oci.rootfs("/ran")));
}

// spec: runtime.md#lifecycle if any startContainer hook fails, the runtime MUST generate an error and stop
// the container
TEST_CASE("a startContainer hook that fails keeps the program from running") {
  OciBundle oci;
  oci.spec["hooks"]["startContainer"] = Json::array({{{"path", "/bin/false"}}});
  REQUIRE(oci.create({"touch", "/ran"}).code == 0);
  const Outcome started = oci.start();
  if (is_vial_oci()) CHECK(started.code != 0);  // runc 1.1 tells nobody
  REQUIRE(oci.becomes("stopped"));
  CHECK_FALSE(path_exists(oci.rootfs("/ran")));
  oci.remove();
}

// spec: runtime.md#lifecycle if any poststart hook fails, the runtime MUST generate an error (1.3; before: a
// warning)
TEST_CASE("a poststart hook that fails is told") {
  OciBundle oci;
  if (!is_vial_oci()) return;  // runc 1.1 runs it at create, crun 1.8 says nothing
  oci.spec["hooks"]["poststart"] = Json::array({hook(oci, "exit 3")});
  REQUIRE(oci.create({"sleep", "100"}).code == 0);
  const Outcome started = oci.start();
  CHECK(started.code != 0);
  // Stopped, and maybe deleted already: the lifecycle goes on at its last step.
  const bool ended = within(kPatience, [&] {
    (void)living_children();
    const std::string status = oci.status();
    return status == "stopped" || status == "unknown";
  });
  CHECK(ended);
  CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
}

// spec: runtime.md#lifecycle if any poststop hook fails, the runtime MUST log a warning, and the remaining
// hooks run
TEST_CASE("a poststop hook that fails does not keep the container from being deleted") {
  OciBundle oci;
  oci.spec["hooks"]["poststop"] = Json::array({hook(oci, "exit 3"), hook(oci, "touch $D/second")});
  REQUIRE(oci.create({"true"}).code == 0);
  REQUIRE(oci.start().code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK(oci.call({"delete", oci.id()}).code == 0);
  CHECK(oci.status() == "unknown");
  if (oci_runtime_name() != "runc") CHECK(path_exists(oci.directory() + "/second"));
}

// spec: config.md#posix-platform-hooks timeout is the number of seconds before aborting the hook
TEST_CASE("a hook that takes longer than its timeout is killed and fails") {
  OciBundle oci;
  if (oci_runtime_name() == "crun") return;  // 1.8 leaves it running
  oci.spec["hooks"]["createRuntime"] = Json::array({hook(oci, "exec sleep 30")});
  oci.spec["hooks"]["createRuntime"][0]["timeout"] = 1;
  CHECK(oci.create({"true"}).code != 0);
  CHECK(oci.status() == "unknown");
}

// spec: config.md#posix-platform-hooks args as for execv, env as for environ
TEST_CASE("a hook gets its arguments and environment and no other") {
  OciBundle oci;
  oci.spec["hooks"]["createRuntime"] =
      Json::array({hook(oci, "env > $D/env; echo \"$0 $*\" > $D/args; ls /proc/$$/fd > $D/fds")});
  oci.spec["hooks"]["createRuntime"][0]["args"] = {
      "zero", "-c",  hook(oci, "")["args"][2].get<std::string>() + "env > $D/env; echo \"$0 $*\" > $D/args",
      "name", "one", "two"};
  REQUIRE(oci.create({"true"}).code == 0);
  oci.remove();
  CHECK(noted(oci, "args") == "name one two");
  CHECK(noted(oci, "env").find("D=" + oci.directory()) != std::string::npos);
  CHECK(noted(oci, "env").find("VIAL_") == std::string::npos);
}
