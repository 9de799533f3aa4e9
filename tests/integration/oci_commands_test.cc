// The commands beside the life cycle: ps, list, update, events, spec, features, --version.
#include <signal.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/oci_fixture.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

// The container's memory limit, wherever its controller is driven.
std::string memory_limit(const OciBundle& oci) {
  for (const auto& directory : oci.cgroups()) {
    for (const char* file : {"/memory.max", "/memory.limit_in_bytes"}) {
      const auto text = read_file(directory + file);
      if (text) return std::string(trim(*text));
    }
  }
  return "";
}

}  // namespace

TEST_CASE("update changes what it names, from options, a file and standard input") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const Outcome typed = oci.call({"update", "--memory", "64m", oci.id()});
  INFO(typed.err);
  CHECK(typed.code == 0);
  CHECK(memory_limit(oci) == "67108864");
  const std::string file = oci.directory() + "/resources.json";
  REQUIRE(create_file(file, R"({"memory": {"limit": 33554432, "swap": 0}, "cpu": {"shares": 0}})"));
  CHECK(oci.call({"update", "--resources=" + file, oci.id()}).code == 0);
  CHECK(memory_limit(oci) == "33554432");
  RunningProgram piped(oci.command_line({"update", "-r", "-", oci.id()}), oci.directory());
  piped.type(R"({"memory": {"limit": 50331648}})");
  piped.close_input();
  CHECK(piped.wait().code == 0);
  CHECK(memory_limit(oci) == "50331648");
  CHECK(oci.call({"update", "--pids-limit", "50", oci.id()}).code == 0);
  CHECK(memory_limit(oci) == "50331648");
  CHECK(oci.call({"update", "--blkio-weight", "-4", oci.id()}).code == 1);
  CHECK_THAT(oci.call({"update", "--cpu-share", "1", oci.id()}).err,
             Contains("the minimum allowed cpu-shares is 2"));
  CHECK_THAT(oci.call({"update", "--cpu-share", "300000", oci.id()}).err,
             Contains("the maximum allowed cpu-shares is 262144"));
  const Outcome ignored = oci.call({"update", "--kernel-memory", "50m", oci.id()});
  CHECK(ignored.code == 0);
  CHECK_THAT(ignored.err, Contains("Kernel memory settings are ignored"));
  REQUIRE(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  REQUIRE(oci.becomes("stopped"));
  CHECK_THAT(oci.call({"update", "--memory", "64m", oci.id()}).err, Contains("container not running"));
  oci.remove();
}

namespace {

// The members of a document by their paths, those of a list's first entries as one; where a reader can't tell
// them from a zero that is left out, as in Go, only those that are none.
void add_members(const Json& json, const std::string& path, bool with_zeros, std::set<std::string>& members) {
  if (json.is_object()) {
    for (const auto& [name, value] : json.items())
      add_members(value, path + "/" + name, with_zeros, members);
  } else if (json.is_array() && !json.empty() && json[0].is_object()) {
    for (const auto& entry : json)
      add_members(entry, path + "/" + entry.value("op", ""), with_zeros, members);
  } else if (with_zeros || !(json.is_null() || json.empty() || json == 0)) {
    members.insert(path);
  }
}

}  // namespace

TEST_CASE("events has the members of runc's, and what differs is named") {
  OciBundle oci;
  oci.spec["linux"]["resources"]["memory"]["limit"] = 64 << 20;
  oci.spec["linux"]["resources"]["pids"]["limit"] = 20;
  // Where the programs are is a disk, most of the time.
  oci.spec["mounts"].push_back({{"destination", "/mnt"},
                                {"type", "bind"},
                                {"source", oci_runtime().substr(0, oci_runtime().rfind('/'))},
                                {"options", {"bind", "ro"}}});
  const Words args = {"sh", "-c",
                      "dd if=/mnt/" + oci_runtime_name() +
                          " of=/dev/null bs=64k count=2 iflag=direct 2> /dev/null; echo up; "
                          "sleep 100"};
  oci.launch(args);
  CHECK(within(kPatience, [&] { return oci.output() == "up\n"; }));
  const auto ours = parse_json(oci.call({"events", "--stats", oci.id()}).out);
  oci.remove();
  const std::string other = oci.id() + "runc";
  oci.spec["linux"]["cgroupsPath"] = "/" + other;
  oci.write_config();
  const auto runc = [&](const Words& words) {
    Words line = {"runc", "--root", oci.directory() + "/runc"};
    line.insert(line.end(), words.begin(), words.end());
    return run_into_files(line, oci.directory(), words[0]);
  };
  const Outcome run = runc({"run", "--detach", "--bundle", oci.bundle(), other});
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(within(kPatience, [&] { return read_file(oci.directory() + "/run.out").value_or("") == "up\n"; }));
  const auto theirs = parse_json(runc({"events", "--stats", other}).out);
  CHECK(runc({"delete", "--force", other}).code == 0);
  REQUIRE(ours);
  REQUIRE(theirs);
  INFO(dump_json(*ours) << "\n" << dump_json(*theirs));
  std::set<std::string> all_ours;
  std::set<std::string> all_theirs;
  std::set<std::string> surplus;
  add_members(*ours, "", true, all_ours);
  add_members(*theirs, "", true, all_theirs);
  add_members(*ours, "", false, surplus);
  for (const auto& member : all_theirs) {
    INFO(member);
    CHECK(all_ours.count(member) == 1);
    surplus.erase(member);
  }
  // Those of newer ones than Debian's; how much of what was used varies.
  for (const auto& member : surplus) {
    INFO(member);
    CHECK((contains(member, "/psi/") || member == "/data/memory/usage/max" || contains(member, "/cpu/") ||
           contains(member, "/blkio/")));
  }
  for (const char* name :
       {"/data/memory/usage/limit", "/data/memory/swap/limit", "/data/memory/kernel/limit",
        "/data/pids/limit", "/data/cpuset", "/data/intel_rdt", "/data/network_interfaces"}) {
    const Json::json_pointer pointer(name);
    INFO(name);
    CHECK(ours->at(pointer) == theirs->at(pointer));
  }
}

TEST_CASE("events tells what the container uses, once or until it ends") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const auto once = parse_json(oci.call({"events", "--stats", oci.id()}).out);
  REQUIRE(once);
  CHECK((*once)["type"] == "stats");
  CHECK((*once)["id"] == oci.id());
  const Json& data = (*once)["data"];
  CHECK(data["cpu"]["usage"]["total"].get<uint64_t>() > 0);
  CHECK(data["memory"]["usage"]["usage"].get<uint64_t>() > 0);
  CHECK(data["pids"]["current"] == 1);
  CHECK(data["memory"]["raw"].size() > 20);
  CHECK(data["memory"]["raw"].contains("inactive_file"));
  CHECK(data["memory"].contains("cache"));
  CHECK(data["memory"]["swap"]["limit"].is_number());
  RunningProgram events(oci.command_line({"events", "--interval", "100ms", oci.id()}), oci.directory());
  CHECK(within(kPatience, [&] { return split(events.out(), '\n').size() > 3; }));
  REQUIRE(oci.call({"kill", oci.id(), "KILL"}).code == 0);
  CHECK(events.wait().code == 0);
  REQUIRE(oci.becomes("stopped"));
  oci.remove();
}

TEST_CASE("ps names the processes of the container and no others") {
  OciBundle oci;
  oci.launch({"sh", "-c", "sleep 100 & exec sleep 101"});
  const std::string pid = std::to_string(oci.state().value("pid", 0));
  const auto pids = parse_json(oci.call({"ps", "--format", "json", oci.id()}).out);
  REQUIRE(pids);
  CHECK(pids->size() == 2);
  CHECK(std::to_string((*pids)[0].get<int>()) == pid);
  const std::string table = oci.call({"ps", oci.id()}).out;
  INFO(table);
  CHECK(table.starts_with("UID "));
  CHECK(split(std::string(trim(table)), '\n').size() == 3);
  CHECK_THAT(table, Contains("sleep 100") && Contains("sleep 101"));
  CHECK(oci.call({"ps", "--format", "xml", oci.id()}).code == 1);
  oci.remove();
}

TEST_CASE("list has runc's columns") {
  OciBundle oci;
  CHECK(oci.call({"list"}).out == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  CHECK(oci.call({"list", "--format=json"}).out == "null\n");
  oci.spec["annotations"] = {{"org.example.key", "value"}};
  oci.launch({"sleep", "100"});
  const auto rows = split(oci.call({"list"}).out, '\n');
  REQUIRE(rows.size() == 3);
  CHECK_THAT(rows[1], Catch::StartsWith(oci.id() + "   ") &&
                          Contains("   running     " + oci.bundle() + "   ") && Catch::EndsWith("   root"));
  const auto list = parse_json(oci.call({"list", "-f", "json"}).out);
  REQUIRE(list);
  CHECK((*list)[0] == oci.state());
  CHECK((*list)[0]["annotations"]["org.example.key"] == "value");
  oci.remove();
}

TEST_CASE("spec writes a configuration that runs, rootless too") {
  OciBundle oci;
  for (const Words& options : {Words{}, Words{"--rootless"}}) {
    Words words = {"spec", "--bundle", oci.bundle()};
    words.insert(words.end(), options.begin(), options.end());
    REQUIRE(oci.call(words).code == 0);
    CHECK_THAT(oci.call(words).err, Contains("File config.json exists. Remove it first"));
    auto document = parse_json(read_file(oci.bundle() + "/config.json").value_or(""));
    REQUIRE(document);
    oci.spec = *document;
    oci.spec["process"]["terminal"] = false;
    oci.spec["process"]["rlimits"] = Json::array();  // as unprivileged roots, too, must pass
    oci.spec["linux"]["cgroupsPath"] = "/" + oci.id();
    const Outcome outcome = oci.run({"sh", "-c", "id -u; uname -n; ls /proc/1 > /dev/null && echo $$"});
    INFO(outcome.err);
    CHECK(outcome.out == "0\nvial\n1\n");
    REQUIRE(oci.call({"delete", "--force", oci.id()}).code == 0);
    REQUIRE(::unlink((oci.bundle() + "/config.json").c_str()) == 0);
  }
}

TEST_CASE("features tells what callers look for") {
  const OciBundle oci;
  const auto features = parse_json(oci.call({"features"}).out);
  REQUIRE(features);
  CHECK((*features)["ociVersionMin"] == "1.0.0");
  CHECK((*features)["ociVersionMax"] == "1.3.0");
  CHECK((*features)["hooks"].size() == 6);
  const Json& os = (*features)["linux"];
  CHECK(os["namespaces"].size() == 8);
  CHECK(os["mountExtensions"]["idmap"]["enabled"] == true);
  CHECK(os["cgroup"]["v2"] == true);
  CHECK(os["seccomp"]["enabled"] == true);
  CHECK(os["apparmor"]["enabled"] == true);  // whatever the host has
  CHECK(os["intelRdt"]["monitoring"] == false);
  CHECK((*features)["potentiallyUnsafeConfigAnnotations"] == Json::array({"org.systemd.property."}));
  for (const char* member : {"namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux",
                             "intelRdt", "memoryPolicy", "mountExtensions", "netDevices"})
    CHECK(os.contains(member));
  for (const char* list : {"actions", "operators", "archs", "knownFlags", "supportedFlags"})
    CHECK(os["seccomp"][list].size() > 3);
}

TEST_CASE("each mount option of features is taken, and what it does not name goes to the file system") {
  OciBundle oci;
  const auto features = parse_json(oci.call({"features"}).out);
  REQUIRE(features);
  // One tmpfs with all of them that make sense together; those of binds and of id maps have their own tests.
  Json options = Json::array();
  for (const auto& option : (*features)["mountOptions"]) {
    const std::string name = option;
    const bool has_other_test = contains(name, "bind") || contains(name, "idmap") ||
                                contains(name, "nofollow") || name == "remount" || name == "copy-symlink" ||
                                name == "tmpcopyup" ||
                                name == "mand";  // gone from the kernel, which takes and tells it
    if (!has_other_test || name == "runbindable" || name == "unbindable") options.push_back(name);
  }
  CHECK(options.size() > 50);
  oci.spec["mounts"].push_back(
      {{"destination", "/tmp"}, {"type", "tmpfs"}, {"source", "tmpfs"}, {"options", options}});
  const Outcome all = oci.run({"true"});
  INFO(all.err);
  CHECK(all.code == 0);
  oci.spec["mounts"].back()["options"].push_back("nosuchoption");
  const Outcome unknown = oci.run({"true"});
  CHECK(unknown.code == 1);
  CHECK_THAT(unknown.err, Contains("nosuchoption"));
}

TEST_CASE("help and version") {
  const OciBundle oci;
  const std::string version = oci.call({"--version"}).out;
  CHECK(version.starts_with("vial-oci version "));
  CHECK_THAT(version, Contains("\ncommit: ") && Contains("\nspec: 1.3.0\n"));
  CHECK_THAT(oci.call({"--help"}).out, Contains("  create ") && Contains("--log-format"));
  CHECK_THAT(oci.call({"kill", "--help"}).out, Contains("Usage:  vial-oci kill [OPTIONS] ID [SIGNAL]"));
  CHECK(oci.call({"help"}).out == oci.call({"--help"}).out);
  CHECK(oci.call({"h", "kill"}).out == oci.call({"kill", "--help"}).out);
  CHECK_THAT(oci.call({"help", "nonsense"}).err, Contains("unknown command"));
  CHECK(oci.call({"--criu", "/usr/sbin/criu", "list", "--quiet"}).code == 0);
}

TEST_CASE("every command has help, a man page and a line in the program's") {
  const OciBundle oci;
  const std::string page = oci.call({"help", "--man"}).out;
  CHECK(page.starts_with(".TH \"VIAL\\-OCI\" \"1\""));
  const std::string names = oci.call({"help", "--list"}).out;
  CHECK_THAT(names, Catch::StartsWith("create\n") && Contains("\nevents\n") && Contains("\ncompletion\n"));
  for (const auto& name : split(std::string(trim(names)), '\n')) {
    INFO(name);
    CHECK_THAT(page, Contains("\\fBvial\\-oci " + name + "\\fR\n"));
    CHECK_THAT(oci.call({"help", "--man", name}).out,
               Contains(".SH SYNOPSIS\n\\fBvial\\-oci " + name + "\\fR"));
    CHECK_THAT(oci.call({name, "--help"}).out, Catch::StartsWith("Usage:  vial-oci " + name));
  }
}

TEST_CASE("bash completes commands, options and the containers below --root") {
  OciBundle oci;
  oci.launch({"sleep", "100"});
  const std::string directory = oci_runtime().substr(0, oci_runtime().rfind('/'));
  const auto completed = [&](const std::string& words) {
    const std::string script =
        "PATH=" + directory + ":$PATH; source <(vial-oci completion bash) && COMP_WORDS=(" + words +
        ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _vial_oci && echo \"${COMPREPLY[*]}\"";
    const Outcome outcome = run_into_files({"bash", "-c", script}, oci.directory(), "completion");
    CHECK(outcome.err.empty());
    return std::string(trim(outcome.out));
  };
  CHECK(completed("vial-oci sta") == "start state");
  CHECK(completed("vial-oci --cgr") == "--cgroup-manager");
  CHECK(completed("vial-oci --log x exec --ig") == "--ignore-paused");
  CHECK(completed("vial-oci --root " + oci.directory() + "/state delete ''") == oci.id());
  CHECK(completed("vial-oci --root " + oci.directory() + "/other delete ''").empty());
  oci.remove();
}
