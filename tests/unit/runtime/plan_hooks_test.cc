// Hooks in a plan: each at its moment, in its namespaces, and what their failures do.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/group.h"
#include "runtime/launch.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

runtime::Hook shell_hook(const std::string& shell, const std::string& script) {
  runtime::Hook hook;
  hook.path = shell;
  hook.args = {"sh", "-c", script};
  hook.env = {"PATH=/bin:/usr/bin"};
  return hook;
}

}  // namespace

// spec: config.md#hooks.prestart
// spec: config.md#hooks.createRuntime
// spec: config.md#hooks.createContainer
// spec: config.md#hooks.startContainer
// spec: runtime.md#state.pid
TEST_CASE("each hook runs at its moment, in its namespaces, with the state") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"sh", "-c", "cat /shared/log; ls /shared"});
  spec.annotations = {{"a", "b"}};
  const std::string shared = rootfs.directory() + "/shared";
  REQUIRE(make_directories(shared, 0755));
  spec.mounts.push_back({"/shared", "bind", shared, {"rbind", "rw"}, {}, {}});
  const std::string log = shared + "/log";
  const std::string seen = "$(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/net)";
  spec.hooks.prestart = {
      shell_hook("/bin/sh", "cat > " + shared + "/state; echo prestart " + seen + " >> " + log)};
  spec.hooks.create_runtime = {shell_hook(
      "/bin/sh",
      "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); grep -c /rootfs/proc /proc/$pid/mountinfo > " + shared +
          "/mounted; echo createRuntime " + seen + " >> " + log)};
  spec.hooks.create_container = {shell_hook("/bin/sh", "cat > " + shared + "/inner; echo createContainer " +
                                                           seen + " >> " + log + "; pwd > " + shared +
                                                           "/pwd; test -e " + log)};
  spec.hooks.start_container = {shell_hook(
      "/bin/sh",
      "cat > /shared/started; echo startContainer $$ $(hostname) >> /shared/log; test ! -e " + shared)};
  const auto output = run_to_end(spec, rootfs);
  INFO(output.out);
  const auto lines = split(output.out, '\n');
  REQUIRE(lines.size() > 4);
  const std::string host_mnt = sys::readlinkat(AT_FDCWD, "/proc/self/ns/mnt").value();
  const std::string host_net = sys::readlinkat(AT_FDCWD, "/proc/self/ns/net").value();
  CHECK(lines[0] == "prestart " + host_mnt + " " + host_net);
  CHECK(lines[1] == "createRuntime " + host_mnt + " " + host_net);
  CHECK(lines[2].starts_with("createContainer mnt:["));
  CHECK_FALSE(contains(lines[2], host_mnt));
  CHECK_FALSE(contains(lines[2], host_net));
  CHECK(lines[3].starts_with("startContainer "));
  CHECK(lines[3].ends_with(" unit"));
  CHECK(read_file(shared + "/pwd").value() == rootfs.path() + "\n");
  CHECK(read_file(shared + "/mounted").value() != "0\n");
  const Json state = parse_json(read_file(shared + "/state").value()).value();
  CHECK(state["id"] == "unit");
  CHECK(state["status"] == "creating");
  CHECK(state["bundle"] == rootfs.directory());
  CHECK(state["annotations"]["a"] == "b");
  CHECK(state["pid"].get<int>() > 1);
  const Json inner = parse_json(read_file(shared + "/inner").value()).value();
  CHECK(inner["pid"] == 1);  // as the container sees it
  CHECK(inner["status"] == "creating");
  const Json started = parse_json(read_file(shared + "/started").value()).value();
  CHECK(started["pid"] == 1);
  CHECK(started["status"] == "created");
}

// spec: runtime.md#lifecycle.hook-failure
TEST_CASE("a hook that fails before the start ends the container, and nothing is left") {
  const SmallRootfs rootfs;
  const auto bad = shell_hook("/bin/sh", "echo no luck; exit 4");
  const std::string ran = rootfs.directory() + "/ran";
  const auto then = shell_hook("/bin/sh", "touch " + ran);
  const auto failure = [&](void (*add)(runtime::Hooks&, const runtime::Hook&, const runtime::Hook&)) {
    auto spec = rootfs.spec({"true"});
    add(spec.hooks, bad, then);
    std::string text = failure_of(request_of(spec, rootfs));
    const auto facts = runtime::collect_host_facts().value();
    const auto group = cgroups::group_at(facts.cgroups, spec.os.cgroups_path).value();
    CHECK_FALSE(path_exists(group.v2_directory.empty() ? group.v1[0].directory : group.v2_directory));
    CHECK_FALSE(path_exists(ran));
    return text;
  };
  CHECK(contains(failure([](auto& h, const auto& b, const auto& t) {
                   h.prestart = {b, t};
                 }),
                 "prestart hook 1/2 /bin/sh: exited with code 4: no luck"));
  CHECK(contains(failure([](auto& h, const auto& b, const auto& t) {
                   h.create_runtime = {b, t};
                 }),
                 "createRuntime hook 1/2 /bin/sh: exited with code 4: no luck"));
  CHECK(contains(failure([](auto& h, const auto& b, const auto& t) {
                   h.create_container = {b, t};
                 }),
                 "createContainer hook 1/2 /bin/sh: exited with code 4: no luck"));
  CHECK(contains(failure([](auto& h, const auto& b, const auto& t) {
                   h.start_container = {b, t};
                 }),
                 "startContainer hook 1/2 /bin/sh: exited with code 4: no luck"));
}

TEST_CASE("an init that fails before the hooks says so itself, and no hook runs") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  const std::string ran = rootfs.directory() + "/ran";
  spec.mounts.push_back({"/x", "bind", "/no/such", {"bind"}, {}, {}});
  spec.hooks.create_runtime = {shell_hook("/bin/sh", "touch " + ran)};
  const std::string text = failure_of(request_of(spec, rootfs));
  CHECK(contains(text, "/no/such"));
  CHECK(contains(text, "No such file or directory"));
  CHECK_FALSE(path_exists(ran));
}
