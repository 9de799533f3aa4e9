// What comes from outside and is wrong: one line that says so, in text and in the log; nothing is left.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

// The last line of the log, an object of level, msg and time.
Json last_entry(const std::string& path) {
  const auto lines = split(std::string(trim(read_file(path).value_or(""))), '\n');
  const auto entry = parse_json(lines.back());
  REQUIRE(entry);
  return *entry;
}

// create with a log fails with one line of this text, here and there.
void check_refused(const OciBundle& oci, const std::string& id, const std::string& text) {
  const std::string log = oci.directory() + "/log.json";
  (void)::unlink(log.c_str());
  const Outcome outcome =
      oci.call({"--log", log, "--log-format=json", "create", "--bundle", oci.bundle(), id});
  INFO(outcome.err);
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.err, Contains(text) && Catch::StartsWith("vial-oci create failed: "));
  CHECK(split(std::string(trim(outcome.err)), '\n').size() == 1);
  const Json entry = last_entry(log);
  CHECK(entry["level"] == "error");
  CHECK(entry["msg"].get<std::string>() + "\n" == outcome.err);
  CHECK(entry["time"].get<std::string>().size() == std::string("2026-01-02T03:04:05Z").size());
  CHECK(list_directory(oci.directory() + "/state").value_or({}).empty());
}

void put_config(const OciBundle& oci, const std::string& text) {
  REQUIRE(replace_file(oci.bundle() + "/config.json", text));
}

}  // namespace

TEST_CASE("ids that are no names are refused") {
  OciBundle oci;
  oci.write_config();
  for (const char* id : {"a/b", "..", ".", "a b", "/etc", "a\nb", "\xc3\xa4", "a:b"})
    check_refused(oci, id, "invalid container ID format");
  check_refused(oci, "", "container id cannot be empty");
  check_refused(oci, std::string(256, 'x'), "longer than 255 bytes");
  for (const char* command : {"start", "state", "kill", "delete", "pause", "ps", "update"}) {
    const Outcome outcome = oci.call({command, "../state"});
    CHECK(outcome.code == 1);
    CHECK_THAT(outcome.err, Contains("invalid container ID format"));
  }
}

// runc and crun ask the user's systemd then.
TEST_CASE("the systemd driver is refused to whom the system's systemd would refuse it, in one line") {
  OciBundle oci;
  oci.spec["linux"]["cgroupsPath"] = "x.slice:vial:" + oci.id();
  oci.write_config();
  Words line = {"unshare", "--user", "--map-root-user"};
  for (const auto& word :
       oci.command_line({"--systemd-cgroup", "create", "--bundle", oci.bundle(), oci.id()}))
    line.push_back(word);
  const Outcome outcome = run_into_files(line, oci.directory());
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.err, Contains("systemd cgroup driver: only the host's root may have scopes"));
  CHECK(split(trim(outcome.err), '\n').size() == 1);
  CHECK(list_directory(oci.directory() + "/state").value_or({}).empty());
}

TEST_CASE("a config.json that is none is refused") {
  OciBundle oci;
  const std::string path = oci.bundle() + "/config.json";
  check_refused(oci, oci.id(), "no such file or directory");
  put_config(oci, "");
  check_refused(oci, oci.id(), "config.json");
  put_config(oci, "[]");
  check_refused(oci, oci.id(), "not an object");
  put_config(oci, "{\"ociVersion\": \"1.0.0\"");
  check_refused(oci, oci.id(), "not valid JSON");
  put_config(oci, "{\"ociVersion\": \"1.0.0\", \"ociVersion\": \"1.0.0\"}");
  check_refused(oci, oci.id(), "duplicate key");
  put_config(oci, std::string((16U << 20U) + 1, ' '));
  check_refused(oci, oci.id(), "larger than 16777216 bytes");
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::mkdir(path.c_str(), 0755) == 0);
  check_refused(oci, oci.id(), "directory");
  REQUIRE(::rmdir(path.c_str()) == 0);
  REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
  check_refused(oci, oci.id(), "config.json");
}

TEST_CASE("every wrong member is named") {
  OciBundle oci;
  const Json good = oci.spec;
  const auto refused = [&](const char* pointer, const Json& value, const char* text) {
    oci.spec = good;
    oci.spec[Json::json_pointer(pointer)] = value;
    oci.write_config();
    check_refused(oci, oci.id(), text);
  };
  const std::string file = oci.bundle() + "/config.json: ";
  const auto located = [&](const char* pointer, const Json& value, const std::string& text) {
    refused(pointer, value, (file + text).c_str());
  };
  refused("/ociVersion", "2.0.0", "version \"2.0.0\" is not supported");
  refused("/ociVersion", 1, "/ociVersion");
  refused("/process/args", "true", "/process/args");
  refused("/process/args", Json::array(), "/process/args");
  refused("/process/cwd", "relative", "/process/cwd");
  refused("/process/user/uid", -1, "/process/user/uid");
  refused("/root/path", "nowhere", "nowhere");
  refused("/linux/namespaces", {{{"type", "moon"}}}, "moon");
  refused("/linux/cgroupsPath", "../../out", "cgroup");
  // Whoever finds it, the reader, the validation or the plan: the file, and where in it.
  located("/process/user/uid", -1, "/process/user/uid: ");
  located("/process/args", Json::array(), "/process/args: missing");
  located("/process/cwd", "relative", "/process/cwd: not an absolute path");
  located("/mounts/1/destination", "/proc/self", "/mounts/1: ");
  located("/linux/namespaces", {{{"type", "moon"}}}, "/linux/namespaces: ");
  located("/linux/cgroupsPath", "/a/../b", "/linux/cgroupsPath: ");
  located("/linux/resources", {{"cpu", {{"cpus", "3-1"}}}}, "/linux/resources: ");
  located("/linux/resources", {{"hugepageLimits", {{{"pageSize", "x"}, {"limit", 1}}}}}, "/linux/resources");
  located("/linux/sysctl", {{"kernel.panic", "1"}}, "/linux/sysctl: ");
  located("/linux/seccomp", {{"defaultAction", "SCMP_ACT_ODD"}}, "/linux/seccomp");
  located("/process/scheduler", {{"policy", "SCHED_ODD"}}, "/process/scheduler");
  located("/process/ioPriority", {{"class", "IOPRIO_CLASS_RT"}, {"priority", 70}}, "/process/ioPriority");
  located("/process/rlimits", {{{"type", "RLIMIT_ODD"}, {"soft", 1}, {"hard", 1}}}, "/process/rlimits/0");
}

TEST_CASE("the same bundle that changes between create and exec is the one of create") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  put_config(oci, "gone mad");
  CHECK(oci.call({"exec", oci.id(), "true"}).code == 0);
  CHECK(oci.status() == "running");
  oci.remove();
}

TEST_CASE("a process document that is wrong is named, and where in it") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const std::string file = oci.directory() + "/process.json";
  REQUIRE(replace_file(file, R"({"args": ["true"], "cwd": "relative", "user": {"uid": 0, "gid": 0}})"));
  const Outcome outcome = oci.call({"exec", "--process", file, oci.id()});
  CHECK(outcome.code != 0);
  CHECK_THAT(outcome.err, Contains(file + ": /cwd: not an absolute path"));
  oci.remove();
}

TEST_CASE("a document may come through a descriptor, as a shell's <(command) gives it") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const auto through = [&](const std::string& text, const Words& words) {
    const std::string file = oci.directory() + "/document";
    REQUIRE(replace_file(file, text));
    Words line = {"sh", "-c", "exec 9< \"$0\"; exec \"$@\"", file};
    for (const auto& word : oci.command_line(words))
      line.push_back(word);
    return run_into_files(line, oci.directory());
  };
  const Outcome ran =
      through(R"({"args": ["echo", "ran"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"]})",
              {"exec", "--process", "/dev/fd/9", oci.id()});
  INFO(ran.err);
  CHECK(ran.out == "ran\n");
  CHECK(through(R"({"pids": {"limit": 77}})", {"update", "--resources", "/dev/fd/9", oci.id()}).code == 0);
  const Outcome refused =
      through(R"({"unified": {"../up.max": "1"}})", {"update", "--resources", "/dev/fd/9", oci.id()});
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err, Contains("unified: '../up.max' is not a cgroup file name"));
  oci.remove();
  oci.spec["process"]["args"] = {"echo", "made"};
  const Words run = {"run", "--bundle", oci.bundle(), "--config", "/dev/fd/9", oci.id()};
  const Outcome made = through(dump_json(oci.spec), run);
  INFO(made.err);
  CHECK(made.out == "made\n");
  // A container among the host's processes is made by a second execution of the runtime.
  std::erase_if(oci.spec["linux"]["namespaces"].get_ref<Json::array_t&>(),
                [](const Json& entry) { return entry["type"] == "pid"; });
  const Outcome shared = through(dump_json(oci.spec), run);
  INFO(shared.err);
  CHECK(shared.out == "made\n");
}

TEST_CASE("command lines that are wrong are told, with exit code 1") {
  OciBundle oci;
  const auto fails = [&](const Words& words, const char* text) {
    const Outcome outcome = oci.call(words);
    CHECK(outcome.code == 1);
    CHECK_THAT(outcome.err, Contains(text));
  };
  fails({"bogus"}, "unknown command");
  fails({"create", "--bogus", "x"}, "unknown flag: --bogus");
  fails({"start"}, "\\\"start\\\" requires exactly 1 argument(s)");
  fails({"kill"}, "\\\"kill\\\" requires a minimum of 1 argument(s)");
  fails({"kill", "nobody", "9"}, "container does not exist");
  fails({"kill", "nobody", "NOSUCH"}, "unknown signal \\\"NOSUCH\\\"");
  fails({"checkpoint", "--image-path", "/x", "nobody"}, "not supported");
  fails({"restore", "--bundle", "/x", "nobody"}, "not supported");
  fails({"--log-format", "xml", "list"}, "invalid log-format");
  fails({"--cgroup-manager", "none", "list"}, "unknown cgroup manager");
  fails({"--log-level", "loud", "list"}, "invalid log-level: loud");
  fails({"--rootless=maybe", "list"}, "not true, false or auto");
  for (const char* level : {"trace", "debug", "info", "warn", "warning", "error"})
    CHECK(oci.call({"--log-level", level, "list"}).code == 0);
  for (const char* mode : {"auto", "true", "false"})
    CHECK(oci.call({std::string("--rootless=") + mode, "list"}).code == 0);
}

namespace {

// The runtime with another --root, called in the test's directory.
Outcome call_with_root(const OciBundle& oci, const std::string& root, const Words& words) {
  Words line = {"sh", "-c", "cd \"$0\" && exec \"$@\"", oci.directory(), oci_runtime(), "--root", root};
  line.insert(line.end(), words.begin(), words.end());
  return run_into_files(line, oci.directory());
}

void check_root_refused(const OciBundle& oci, const std::string& root, const char* text) {
  const Outcome outcome = call_with_root(oci, root, {"create", "--bundle", oci.bundle(), oci.id()});
  INFO(outcome.err);
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.err, Contains(text));
  CHECK(split(trim(outcome.err), '\n').size() == 1);
  CHECK(oci.cgroups().empty());
}

}  // namespace

TEST_CASE("the root of the state is taken from where the caller is, and through links") {
  OciBundle oci;
  oci.write_config();
  const std::string there = oci.directory() + "/there";
  REQUIRE(make_directories(there, 0755));
  REQUIRE(::symlink("there", (oci.directory() + "/link").c_str()) == 0);
  for (const std::string& root : {std::string("there"), std::string("./link"), oci.directory() + "/link"}) {
    INFO(root);
    CHECK(call_with_root(oci, root, {"create", "--bundle", oci.bundle(), oci.id()}).code == 0);
    CHECK(list_directory(there).value() == std::vector<std::string>{oci.id()});
    CHECK(call_with_root(oci, there, {"list", "-q"}).out == oci.id() + "\n");
    CHECK(call_with_root(oci, root, {"start", oci.id()}).code == 0);
    CHECK(call_with_root(oci, root, {"delete", "--force", oci.id()}).code == 0);
    CHECK(list_directory(there).value().empty());
  }
  REQUIRE(create_file(oci.directory() + "/file", ""));
  check_root_refused(oci, "file", "Not a directory");
  REQUIRE(::symlink("nowhere", (oci.directory() + "/dangling").c_str()) == 0);
  check_root_refused(oci, "dangling", "Not a directory");
  check_root_refused(oci, "", "must not be empty");
}

TEST_CASE("a root of the state that is full or read-only is told, and nothing is left there") {
  OciBundle oci;
  oci.write_config();
  const std::string there = oci.directory() + "/there";
  REQUIRE(make_directories(there, 0755));
  REQUIRE(::mount("tmpfs", there.c_str(), "tmpfs", 0, "size=64k") == 0);
  const std::string page(4096, 'x');
  const Fd fill(::open((there + "/fill").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  while (::write(fill.get(), page.data(), page.size()) > 0) {
  }
  check_root_refused(oci, there, "/config.json: write: No space left on device");
  CHECK(list_directory(there).value() == std::vector<std::string>{"fill"});
  CHECK(call_with_root(oci, there, {"list", "-q"}).out.empty());
  REQUIRE(::mount("tmpfs", there.c_str(), "tmpfs", 0, "nr_inodes=2") == 0);
  check_root_refused(oci, there, "No space left on device");
  CHECK(list_directory(there).value().empty());
  REQUIRE(::mount(nullptr, there.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  check_root_refused(oci, there, "Read-only file system");
  CHECK(call_with_root(oci, there, {"delete", "--force", oci.id()}).code == 0);
  REQUIRE(::umount(there.c_str()) == 0);
  REQUIRE(::umount2(there.c_str(), MNT_DETACH) == 0);  // the open file is in it
}

TEST_CASE("a record that names another container's cgroup does not harm that one") {
  OciBundle oci;
  OciBundle other;
  if (!is_vial_oci()) return;
  oci.launch({"sleep", "100"});
  other.launch({"sleep", "100"});
  const auto own = oci.cgroups();
  const auto file_of = [](const OciBundle& one) {
    return one.directory() + "/state/" + one.id() + "/container.json";
  };
  auto record = parse_json(read_file(file_of(oci)).value_or("")).value();
  record["cgroup"]["path"] = parse_json(read_file(file_of(other)).value_or("")).value()["cgroup"]["path"];
  REQUIRE(replace_file(file_of(oci), dump_json(record)));
  SECTION("kill") {
    CHECK(oci.call({"kill", "--all", oci.id(), "KILL"}).code == 0);
    CHECK(oci.becomes("stopped"));
    CHECK(oci.call({"delete", oci.id()}).code == 0);
  }
  SECTION("delete") {
    CHECK(oci.call({"delete", "--force", oci.id()}).code == 0);
  }
  CHECK(other.status() == "running");
  other.remove();
  for (const auto& directory : own)
    CHECK(within(kPatience, [&] { return ::rmdir(directory.c_str()) == 0; }));
}
