// The views of a plan say what is done, and the script of --as-shell makes the same container.
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/vial_fixture.h"

namespace {

Words probe_run(const Words& views, const Words& options) {
  Words words = {"run"};
  words.insert(words.end(), views.begin(), views.end());
  words.insert(words.end(), {"-v", probe_program() + ":/probe:ro"});
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"busybox", "/probe"});
  return words;
}

size_t lines_that_contain(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (const auto& line : split(text, '\n'))
    if (contains(line, part)) ++count;
  return count;
}

// What the probe sees in the container that the script builds.
Json by_hand(const Vial& vial, const Words& options) {
  const Outcome script = vial.run(probe_run({"--as-shell"}, options));
  INFO(script.err);
  REQUIRE(script.code == 0);
  const std::string path = vial.directory() + "/script";
  REQUIRE(replace_file(path, script.out));
  const auto output = run_command({"sh", path});
  REQUIRE(output);
  INFO(output->err);
  REQUIRE(output->status.shell_code() == 0);
  const auto report = parse_json(output->out);
  REQUIRE(report);
  return *report;
}

// Mount points with their types and whether they are read-only, in the order of the table. Where something is
// masked with /dev/null, the mount's type is that of the file system the null is on: vial's own /dev, the
// script's host's.
std::map<std::string, std::string> mount_view(const Json& report) {
  std::map<std::string, std::string> view;
  for (const auto& mount : report["mounts"]) {
    const auto point = mount["point"].get<std::string>();
    const auto options = mount["options"].get<std::set<std::string>>();
    const bool is_null = report["masked"].contains(point);
    const auto has = [&](const char* option) {
      return options.contains(option) ? std::string(" ") + option : "";
    };
    view[point] = (is_null ? "mask" : mount["type"].get<std::string>()) + has("ro") +
                  (is_null ? "" : has("nosuid") + has("nodev") + has("noexec"));
  }
  return view;
}

// The limits. In the script's cgroups the shell that built it is too, seen from inside as process 0.
std::map<std::string, std::string> cgroup_view(const Json& report) {
  std::map<std::string, std::string> view;
  for (const auto& [path, text] : report["cgroup"]["files"].items())
    if (!path.ends_with("/cgroup.procs")) view[path] = text.get<std::string>();
  return view;
}

void check_same(const Json& real, const Json& built, const std::string& what) {
  INFO(what << "\nvial:   " << dump_json(real[what]) << "\nscript: " << dump_json(built[what]));
  CHECK(real[what] == built[what]);
}

void compare(const Json& real, const Json& built) {
  for (const auto& [kind, inode] : built["namespaces"].items()) {
    const auto own = sys::readlinkat(AT_FDCWD, ("/proc/self/ns/" + kind).c_str());
    REQUIRE(own);
    INFO(kind);
    CHECK((inode == *own) == (kind == "user" || kind == "time"));
  }
  CHECK(mount_view(real) == mount_view(built));
  for (const char* what :
       {"capabilities", "uid", "gid", "groups", "rlimits", "no_new_privs", "devices", "masked", "writable",
        "interfaces", "cwd", "pid", "ppid", "umask", "visible_pids", "descriptors"})
    check_same(real, built, what);
  CHECK(cgroup_view(real) == cgroup_view(built));
  CHECK(real["cgroup"]["self"] == built["cgroup"]["self"]);
  // What shell can't do, as its comments say.
  CHECK(real["seccomp"] == 2);
  CHECK(built["seccomp"] == 0);
}

}  // namespace

TEST_CASE("--dry-run prints the steps, and neither runs nor leaves anything") {
  const Vial vial;
  const std::string missing = vial.directory() + "/missing";
  const Outcome outcome = vial.run(
      {"run", "--dry-run", "-m", "64m", "--name", "dry", "-v", missing + ":/m", "busybox", "echo", "ran"});
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(!contains(outcome.out, "ran\nran"));
  for (const char* part :
       {"clone3(", "CLONE_NEWPID", "pivot_root(", "67108864", "execve(", "mount(2)", "seccomp("}) {
    INFO(part);
    CHECK(contains(outcome.out, part));
  }
  CHECK(!path_exists(missing));
  CHECK(vial.run({"ps", "-aq"}).out.empty());
  CHECK(vial.run({"run", "--dry-run", "-u", "nix", "busybox", "true"}).code == 125);
}

TEST_CASE("--explain says each step with its time and what it changed, and the container runs as ever") {
  const Vial vial;
  const Outcome dry =
      vial.run({"run", "--dry-run", "-m", "64m", "-h", "web", "busybox", "sh", "-c", "echo ran; exit 7"});
  const Outcome outcome = vial.run(
      {"run", "--rm", "--explain", "-m", "64m", "-h", "web", "busybox", "sh", "-c", "echo ran; exit 7"});
  CHECK(outcome.code == 7);
  CHECK(outcome.out == "ran\n");
  const size_t steps = split(std::string(trim(dry.out)), '\n').size();
  CHECK(steps > 30);
  CHECK(lines_that_contain(outcome.err, " ms  ") == steps);
  CHECK(lines_that_contain(outcome.err, "why     ") == steps);
  CHECK(lines_that_contain(outcome.err, "call    ") >= steps);
  CHECK(!contains(outcome.err, "not reached"));
  CHECK(contains(outcome.err, "-> web"));
  CHECK((contains(outcome.err, "-> memory.limit_in_bytes=67108864") ||
         contains(outcome.err, "memory.max=67108864")));
}

TEST_CASE("--explain of a start that fails shows where") {
  const Vial vial;
  const Outcome outcome = vial.run({"run", "--rm", "--explain", "busybox", "nix"});
  CHECK(outcome.code == 127);
  CHECK(contains(outcome.err, "not reached"));
  CHECK(contains(outcome.err, "error   "));
}

TEST_CASE("the script of --as-shell builds the default container") {
  const Vial vial;
  compare(vial.inside({"-h", "web"}), by_hand(vial, {"-h", "web"}));
}

TEST_CASE("the script of --as-shell builds a container with many options") {
  const Vial vial;
  const std::string shared = vial.directory() + "/shared";
  REQUIRE(make_directories(shared, 0755));
  REQUIRE(::chmod(vial.directory().c_str(), 0755) == 0);
  Words options = {"-h",
                   "web",
                   "-m",
                   "64m",
                   "--cpus",
                   "0.5",
                   "-u",
                   "1000:100",
                   "--group-add",
                   "7",
                   "-w",
                   "/made/deep",
                   "-v",
                   shared + ":/shared:ro",
                   "--tmpfs",
                   "/t:size=1m",
                   "--ulimit",
                   "nofile=100:200",
                   "--read-only",
                   "-e",
                   "A=b c",
                   "--cap-drop",
                   "CHOWN",
                   "--sysctl",
                   "net.core.somaxconn=77",
                   "--pids-limit",
                   "100",
                   "--security-opt",
                   "no-new-privileges"};
  // Its file has one name or another, and some kernels have neither.
  if (vial.run({"run", "--rm", "--blkio-weight", "300", "busybox", "true"}).code == 0)
    options.insert(options.end(), {"--blkio-weight", "300"});
  const Json real = vial.inside(options);
  const Json built = by_hand(vial, options);
  compare(real, built);
  CHECK(real["hostname"] == built["hostname"]);
  const auto variables = [](const Json& report) {
    return report["environment"].get<std::set<std::string>>();
  };
  CHECK(variables(real) == variables(built));
  CHECK(real["hostname"] == "web");
}

TEST_CASE("the script of --as-shell is the same each time, and runs twice at once") {
  const Vial vial;
  const Words words = {"run", "--as-shell", "-m", "64m", "busybox", "sh", "-c", "echo up; sleep 0.5"};
  const Outcome script = vial.run(words);
  REQUIRE(script.code == 0);
  CHECK(vial.run(words).out == script.out);
  const std::string path = vial.directory() + "/script";
  REQUIRE(replace_file(path, script.out));
  // The second one when the first is up.
  const auto output = run_command(
      {"sh", "-c",
       "sh \"$0\" > \"$0.first\" & for i in $(seq 200); do [ -s \"$0.first\" ] && break; sleep 0.05; done; "
       "sh \"$0\"; echo $?; wait $!; echo $?",
       path});
  REQUIRE(output);
  INFO(output->err);
  CHECK(output->err.empty());
  CHECK(output->out == "up\n0\n0\n");
}

TEST_CASE("the script of --as-shell gives a tmpfs the mode of what it covers") {
  const Vial vial;
  const auto modes = [&](const Words& options) {
    Words words = {"run"};
    words.insert(words.end(), options.begin(), options.end());
    for (const char* word :
         {"--tmpfs", "/etc", "--tmpfs", "/new", "busybox", "stat", "-c", "%a", "/etc", "/new"})
      words.emplace_back(word);
    return vial.run(words);
  };
  const Outcome real = modes({"--rm"});
  CHECK(real.out == "755\n1777\n");
  const Outcome script = modes({"--as-shell"});
  const std::string path = vial.directory() + "/script";
  REQUIRE(replace_file(path, script.out));
  const auto output = run_command({"sh", path});
  REQUIRE(output);
  INFO(output->err);
  CHECK(output->out == real.out);
}

TEST_CASE("the script of --as-shell shares what the options share, and ends with the program's code") {
  const Vial vial;
  const Words options = {"--network", "host", "--ipc", "host", "--uts", "host"};
  const Json real = vial.inside(options);
  const Json built = by_hand(vial, options);
  for (const char* kind : {"net", "ipc", "uts"})
    CHECK(real["namespaces"][kind] == built["namespaces"][kind]);
  CHECK(mount_view(real) == mount_view(built));
  // The host's devices, some of them in directories.
  const Json open = vial.inside({"--privileged"});
  const Json open_by_hand = by_hand(vial, {"--privileged"});
  check_same(open, open_by_hand, "devices");
  check_same(open, open_by_hand, "capabilities");
  REQUIRE(vial.run({"run", "-d", "--name", "other", "busybox", "sleep", "1000"}).code == 0);
  const Words joins = {"--network",       "container:other", "--ipc",
                       "container:other", "--pid",           "container:other"};
  const Json joined = vial.inside(joins);
  const Json joined_by_hand = by_hand(vial, joins);
  for (const char* kind : {"net", "ipc", "pid"}) {
    INFO(kind);
    CHECK(joined["namespaces"][kind] == joined_by_hand["namespaces"][kind]);
    CHECK(joined["namespaces"][kind] != real["namespaces"][kind]);
  }
  CHECK(vial.run({"rm", "-f", "other"}).code == 0);
  const Outcome script = vial.run({"run", "--as-shell", "busybox", "sh", "-c", "exit 7"});
  REQUIRE(script.code == 0);
  const auto output = run_command({"sh", "-c", script.out});
  REQUIRE(output);
  INFO(output->err);
  CHECK(output->status.shell_code() == 7);
  // What no shell can do is said.
  CHECK(contains(script.out, "# seccomp"));
}
