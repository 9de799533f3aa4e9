// Hooks as programs: what they read, what they may do, how their failures are told.
#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/units.h"
#include "tests/unit/temporary_directory.h"

namespace {

runtime::Hook shell_hook(const std::string& script) {
  runtime::Hook hook;
  hook.path = "/bin/sh";
  hook.args = {"sh", "-c", script};
  return hook;
}

runtime::HookState running() {
  runtime::HookState state;
  state.id = "web";
  state.status = "running";
  state.pid = 4242;
  state.bundle = "/bundle";
  state.annotations = {{"key", "value \"quoted\""}};
  return state;
}

}  // namespace

// spec: runtime.md#state.json
// spec: config.md#hooks.stdin
TEST_CASE("a hook reads the state, and has its own arguments and environment and nothing of ours") {
  const TemporaryDirectory directory;
  const Fd leaked(::open("/etc/passwd", O_RDONLY));  // without close-on-exec
  auto hook = shell_hook("cat > " + directory.file("state") + "; env > " + directory.file("env") +
                         "; echo \"$0 $1\" > " + directory.file("args") + "; ls /proc/$$/fd > " +
                         directory.file("fds"));
  hook.args.insert(hook.args.end(), {"zero", "one"});
  hook.env = {"ONLY=this"};
  const auto ran = runtime::run_hooks("poststart", {hook}, running());
  if (!ran) FAIL(ran.error().text());
  const Json state = parse_json(read_file(directory.file("state")).value()).value();
  CHECK(state == Json{{"ociVersion", "1.3.0"},
                      {"id", "web"},
                      {"status", "running"},
                      {"pid", 4242},
                      {"bundle", "/bundle"},
                      {"annotations", {{"key", "value \"quoted\""}}}});
  const std::string env = read_file(directory.file("env")).value();
  CHECK(contains(env, "ONLY=this\n"));
  CHECK_FALSE(contains(env, "HOME="));
  CHECK(read_file(directory.file("args")).value() == "zero one\n");
  CHECK_FALSE(contains(read_file(directory.file("fds")).value(), std::to_string(leaked.get()) + "\n"));
}

TEST_CASE("a hook of the host starts in the bundle, one of the container where its init is") {
  const TemporaryDirectory directory;
  runtime::HookState state = running();
  state.bundle = directory.path();
  const auto hook = shell_hook("pwd > " + directory.file("where"));
  REQUIRE(runtime::run_hooks("createRuntime", {hook}, state));
  CHECK(read_file(directory.file("where")).value() == directory.path() + "\n");
  REQUIRE(runtime::run_hooks("startContainer", {hook}, state, runtime::HookPlace::kHere));
  CHECK(read_file(directory.file("where")).value() != directory.path() + "\n");
  // A bundle that is gone does not keep the last hooks from running.
  state.bundle = directory.path() + "/gone";
  CHECK(runtime::run_poststop_hooks({hook}, state).empty());
}

// spec: config.md#hooks.order
TEST_CASE("hooks run in their order, and the first failure ends the list and is told with its words") {
  const TemporaryDirectory directory;
  const std::string log = directory.file("log");
  const auto ran = runtime::run_hooks(
      "createRuntime",
      {shell_hook("echo 1 >> " + log), shell_hook("echo 2 >> " + log + "; echo no luck >&2; exit 3"),
       shell_hook("echo 3 >> " + log)},
      running());
  REQUIRE_FALSE(ran);
  CHECK(ran.error().text() == "createRuntime hook 2/3 /bin/sh: exited with code 3: no luck");
  CHECK(read_file(log).value() == "1\n2\n");
}

TEST_CASE("a hook that is not there is an error") {
  runtime::Hook hook;
  hook.path = "/no/such";
  const auto ran = runtime::run_hooks("prestart", {hook}, running());
  REQUIRE_FALSE(ran);
  CHECK(contains(ran.error().text(), "prestart hook 1/1 /no/such"));
  CHECK(contains(ran.error().text(), "No such file or directory"));
}

// spec: config.md#hooks.timeout
TEST_CASE("a hook that exceeds its timeout is killed with what it started", "[slow]") {
  const TemporaryDirectory directory;
  auto hook = shell_hook("sleep 100 & echo $! > " + directory.file("pid") + "; sleep 100");
  hook.timeout_s = 1;
  const int64_t begin = monotonic_ns();
  const auto ran = runtime::run_hooks("createRuntime", {hook}, running());
  REQUIRE_FALSE(ran);
  CHECK(contains(ran.error().text(), "had not ended after 1 s"));
  CHECK(monotonic_ns() - begin < 5'000'000'000);
  const std::string pid(trim(read_file(directory.file("pid")).value()));
  // Killed, but a killed process is not gone at once, and perhaps not reaped yet.
  const auto is_dead = [&] {
    const auto stat = read_file("/proc/" + pid + "/stat");
    return !stat || contains(*stat, ") Z ") || contains(*stat, ") X ");
  };
  for (int tries = 0; tries < 200 && !is_dead(); ++tries)
    ::poll(nullptr, 0, 10);
  CHECK(is_dead());
}

TEST_CASE("a hook may leave a process behind, and may print more than a pipe holds") {
  const int64_t begin = monotonic_ns();
  CHECK(runtime::run_hooks("poststart", {shell_hook("sleep 3 & head -c 300000 /dev/zero")}, running()));
  CHECK(monotonic_ns() - begin < 2'500'000'000);
}

// spec: runtime.md#lifecycle.poststop
TEST_CASE("poststop hooks run whatever becomes of the others") {
  const TemporaryDirectory directory;
  const std::string log = directory.file("log");
  const auto failures = runtime::run_poststop_hooks(
      {shell_hook("exit 1"), shell_hook("echo 2 >> " + log), shell_hook("kill -9 $$")}, running());
  REQUIRE(failures.size() == 2);
  CHECK(failures[0] == "poststop hook 1/3 /bin/sh: exited with code 1");
  CHECK(contains(failures[1], "was killed by signal 9"));
  CHECK(read_file(log).value() == "2\n");
}
