// What a config.json may do wrong, and where the reader is lenient on purpose.
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "runtime/spec_read.h"
#include "runtime/spec_write.h"
#include "tests/unit/runtime/spec_document.h"

using runtime::read_spec;

namespace {

Json minimal() {
  return Json::parse(R"({"ociVersion": "1.3.0", "root": {"path": "r"},
                         "process": {"args": ["sh"], "cwd": "/"}, "linux": {"resources": {}}})");
}

Json with(const char* pointer, const Json& value) {
  Json document = minimal();
  document[Json::json_pointer(pointer)] = value;
  return document;
}

// The error's text, or "read" when there is none.
std::string outcome(const Json& document) {
  const auto spec = read_spec(document);
  return spec ? "read" : spec.error().text();
}

std::string outcome(const char* pointer, const char* value) {
  return outcome(with(pointer, Json::parse(value)));
}

// Every value of the document, outermost first, with its pointer.
void for_each_value(const Json& value, const std::string& pointer,
                    const std::function<void(const std::string&, const Json&)>& visit) {
  visit(pointer, value);
  if (!value.is_structured()) return;
  for (const auto& [key, member] : value.items()) {
    std::string escaped;
    for (const char c : key)
      escaped += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
    for_each_value(member, pointer + "/" + escaped, visit);
  }
}

// Objects, arrays, strings, booleans, whole numbers, and numbers that are never right.
int class_of(const Json& value) {
  if (value.is_number_float()) return 5;
  if (value.is_number()) return 4;
  return value.is_object() ? 0 : value.is_array() ? 1 : value.is_string() ? 2 : 3;
}

}  // namespace

// spec: config.md#values
TEST_CASE("a value of a wrong type is an error with its pointer, whichever member it is", "[pure][slow]") {
  const Json document = full_document();
  const std::vector<Json> others = {Json::object(), Json::array({Json::array()}), "text", true, 3U, 1.5};
  size_t checked = 0;
  for_each_value(document, "", [&](const std::string& pointer, const Json& value) {
    for (const auto& other : others) {
      if (class_of(value) == class_of(other)) continue;
      Json changed = document;
      changed[Json::json_pointer(pointer)] = other;
      const auto spec = read_spec(changed);
      INFO(pointer << " = " << other.dump());
      REQUIRE_FALSE(spec);
      REQUIRE(spec.error().kind() == ErrorKind::kInvalid);
      const std::string text = spec.error().text();
      INFO(text);
      const std::string expected = pointer.empty() ? "document" : pointer;
      REQUIRE(text.compare(0, expected.size() + 2, expected + ": ") == 0);
      ++checked;
    }
  });
  CHECK(checked > 1000);
}

TEST_CASE("null is as good as absent for all that may be absent", "[pure][slow]") {
  const Json document = full_document();
  size_t missing = 0;
  for_each_value(document, "", [&](const std::string& pointer, const Json&) {
    const Json::json_pointer position(pointer);
    if (pointer.empty() || document.at(position.parent_pointer()).is_array()) return;
    Json nulled = document;
    nulled[position] = nullptr;
    Json removed = document;
    removed[position.parent_pointer()].erase(position.back());
    INFO(pointer);
    const auto spec = read_spec(nulled);
    const auto same = read_spec(removed);
    REQUIRE(spec.has_value() == same.has_value());
    if (spec) {
      REQUIRE(write_spec(*spec) == write_spec(*same));
    } else {
      REQUIRE(spec.error().text() == same.error().text());
      REQUIRE(spec.error().text().find(": missing") != std::string::npos);
      ++missing;
    }
  });
  CHECK(missing > 30);
}

TEST_CASE("a string with a NUL byte is refused everywhere") {
  const Json document = full_document();
  const std::string nul("a\0b", 3);
  for_each_value(document, "", [&](const std::string& pointer, const Json& value) {
    if (!value.is_string()) return;
    Json changed = document;
    changed[Json::json_pointer(pointer)] = nul;
    INFO(pointer);
    const auto spec = read_spec(changed);
    REQUIRE_FALSE(spec);
    REQUIRE(spec.error().kind() == ErrorKind::kInvalid);
    REQUIRE(spec.error().text() == pointer + ": has a NUL byte");
  });
  for (const char* map : {"/annotations", "/linux/sysctl", "/linux/resources/unified"}) {
    CHECK(outcome(with(map, {{nul, "value"}})) == std::string(map) + ": a name in it has a NUL byte");
  }
  CHECK(outcome(with("/linux/netDevices", {{nul, Json::object()}})) ==
        "/linux/netDevices: a name in it has a NUL byte");
  CHECK(outcome(with("/linux/resources/rdma", {{nul, Json::object()}})) ==
        "/linux/resources/rdma: a name in it has a NUL byte");
}

TEST_CASE("numbers beyond their type are refused, wherever they are", "[pure]") {
  const Json document = full_document();
  const std::vector<Json> beyond = {Json::parse("18446744073709551616"), Json::parse("-9223372036854775809"),
                                    Json::parse("1e3")};
  for_each_value(document, "", [&](const std::string& pointer, const Json& value) {
    if (!value.is_number()) return;
    for (const auto& number : beyond) {
      Json changed = document;
      changed[Json::json_pointer(pointer)] = number;
      INFO(pointer << " = " << number.dump());
      REQUIRE_FALSE(read_spec(changed));
    }
  });
  CHECK(outcome("/process/user", R"({"uid": 4294967296})") == "/process/user/uid: out of range");
  CHECK(outcome("/process/user", R"({"uid": -1})") == "/process/user/uid: not a non-negative integer");
  CHECK(outcome("/process/user", R"({"additionalGids": [0, 4294967296]})") ==
        "/process/user/additionalGids/1: out of range");
  CHECK(outcome(with("/process/user", {{"uid", 5}})) == "read");  // an int, as code puts it in
  CHECK(outcome(with("/process/user", {{"uid", -5}})) == "/process/user/uid: not a non-negative integer");
  CHECK(outcome("/process/oomScoreAdj", "2147483648") == "/process/oomScoreAdj: out of range");
  CHECK(outcome("/process/oomScoreAdj", "-2147483649") == "/process/oomScoreAdj: out of range");
  CHECK(outcome("/linux/resources/memory", R"({"limit": 9223372036854775808})") ==
        "/linux/resources/memory/limit: out of range");
  CHECK(outcome("/linux/resources/cpu", R"({"shares": -1})") ==
        "/linux/resources/cpu/shares: not a non-negative integer");
}

TEST_CASE("deep nesting where a value is expected is no danger") {
  Json deep = "x";
  for (int i = 0; i < 1000; ++i)
    deep = Json::array({std::move(deep)});
  CHECK(outcome(with("/process/args", deep)) == "/process/args/0: not a string");
  CHECK(outcome(with("/unknown", deep)) == "read");
  const std::string text = "{\"ociVersion\": \"1.0.0\", \"x\": " + std::string(1000, '[');
  const auto parsed = parse_json(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().text() == "nested too deeply");
}

TEST_CASE("a document that is no object") {
  for (const char* text : {"[]", "null", "3", "\"x\"", "true"})
    CHECK(outcome(Json::parse(text)) == "document: not an object");
}

// spec: config.md#ociVersion
TEST_CASE("the versions that are read") {
  for (const char* version :
       {"1.0.0", "1.0.2-dev", "1.3.0", "1.99.7", "1.0.0-rc5", "1.1.0-rc.1", "1.2.0+dev"})
    CHECK(outcome(with("/ociVersion", version)) == "read");
  for (const char* version : {"2.0.0", "0.2.0", "10.0.0-dev"}) {
    const auto spec = read_spec(with("/ociVersion", version));
    REQUIRE_FALSE(spec);
    CHECK(spec.error().kind() == ErrorKind::kUnsupported);
    CHECK(spec.error().text() ==
          "/ociVersion: version \"" + std::string(version) + "\" is not supported; this runtime reads 1.x");
  }
  for (const char* version : {"", "1", "1.0", "1.0.0.0", "v1.0.0", "1..0", "1.0.x", "-1.0.0", "1.0.0\x1b[m",
                              "1.0.99999999999999999999", " 1.0.0"}) {
    INFO(version);
    const auto spec = read_spec(with("/ociVersion", version));
    REQUIRE_FALSE(spec);
    CHECK(spec.error().kind() == ErrorKind::kInvalid);
    CHECK(spec.error().text().find('\x1b') == std::string::npos);
  }
  Json without = minimal();
  without.erase("ociVersion");
  CHECK(outcome(without) == "/ociVersion: missing");
}

// spec: config-linux.md#resources.pids.zero
TEST_CASE("a limit of no processes is one since version 1.3, and none before") {
  const auto limit = [](const char* version, int64_t number) {
    Json document = minimal();
    document["ociVersion"] = version;
    document["linux"]["resources"]["pids"]["limit"] = number;
    return read_spec(document).value().os.resources.pids_limit.value();
  };
  for (const char* version : {"1.3.0", "1.3.0-rc.1", "1.10.0"}) {
    INFO(version);
    CHECK(limit(version, 0) == 1);  // the container's first process is there already
    CHECK(limit(version, -1) == -1);
    CHECK(limit(version, 7) == 7);
  }
  for (const char* version : {"1.0.0", "1.0.2-dev", "1.2.1"})
    CHECK(limit(version, 0) == 0);
}

// spec: config.md#process.capabilities.unknown
TEST_CASE("capability names") {
  const auto mask_of = [](const char* names) {
    const auto spec = read_spec(with("/process/capabilities/bounding", Json::parse(names)));
    REQUIRE(spec);
    return spec->process.capabilities->bounding;
  };
  CHECK(mask_of(R"(["CAP_KILL", "CAP_KILL"])") == 1U << 5U);
  CHECK(mask_of(R"(["CAP_OF_THE_FUTURE", "CAP_CHOWN"])") == 1U);
  CHECK(mask_of("[]") == 0U);
  // The specification's names are in capitals and begin with CAP_; others are told and not granted.
  CHECK(mask_of(R"(["CAP_KILL", "CHOWN", "", "cap_chown"])") == 1U << 5U);
  const auto spec = read_spec(
      with("/process/capabilities/bounding", Json::parse(R"(["CAP_OF_THE_FUTURE", "CHOWN", "CHOWN"])")));
  REQUIRE(spec);
  CHECK(spec->process.unknown_capabilities == std::vector<std::string>{"CAP_OF_THE_FUTURE", "CHOWN"});
}

TEST_CASE("what follows a NUL byte is not overlooked") {
  using namespace std::string_view_literals;
  CHECK(parse_json("{}"sv));
  for (const auto text : {"{}\0"sv, "{}\0{\"process\": 1}"sv, "\0"sv, "{\"a\": \"\0\"}"sv}) {
    const auto document = parse_json(text);
    REQUIRE_FALSE(document);
    CHECK(document.error().text().find("not valid JSON at byte ") == 0);
  }
}

TEST_CASE("a mount's own maps in the options") {
  const auto mount = [](const char* option) {
    return read_spec(with("/mounts", Json::array({{{"destination", "/a"}, {"options", {"bind", option}}}})));
  };
  const auto spec = mount("idmap=uids=0-1000-10#10-2000-5;gids=0-7-1");
  REQUIRE(spec);
  const auto& first = spec->mounts.at(0);
  CHECK(first.options == std::vector<std::string>{"bind", "idmap"});
  REQUIRE(first.uid_maps.size() == 2);
  CHECK(first.uid_maps[1].container_id == 10);
  CHECK(first.uid_maps[1].host_id == 2000);
  CHECK(first.uid_maps[1].size == 5);
  REQUIRE(first.gid_maps.size() == 1);
  CHECK(first.gid_maps[0].host_id == 7);
  for (const char* wrong : {"idmap=", "idmap=0-1-2", "idmap=uids=0-1", "ridmap=uids=@0-1-2",
                            "idmap=uids=0-1--2", "idmap=uids=4294967296-0-1"}) {
    INFO(wrong);
    CHECK_FALSE(mount(wrong));
  }
}

TEST_CASE("unlimited rlimits are -1 or the largest number") {
  const auto spec = read_spec(with("/process/rlimits", Json::parse(R"([
    {"type": "RLIMIT_CORE", "soft": -1, "hard": 18446744073709551615}, {"type": "RLIMIT_CPU", "soft": 0, "hard": -1}])")));
  REQUIRE(spec);
  CHECK(spec->process.rlimits.at(0).soft == UINT64_MAX);
  CHECK(spec->process.rlimits.at(0).hard == UINT64_MAX);
  CHECK(spec->process.rlimits.at(1).soft == 0);
  CHECK(spec->process.rlimits.at(1).hard == UINT64_MAX);
  CHECK(outcome("/process/rlimits", R"([{"type": "RLIMIT_CORE", "soft": -2, "hard": 0}])") ==
        "/process/rlimits/0/soft: not a non-negative integer");
}

TEST_CASE("device numbers of rules: -1 and nothing are any") {
  const auto spec = read_spec(with("/linux/resources/devices", Json::parse(R"([
    {"allow": true, "type": "c", "major": -1, "minor": 7}, {"allow": true, "type": ""}, {"allow": false}])")));
  REQUIRE(spec);
  const auto& rules = spec->os.resources.devices;
  CHECK_FALSE(rules.at(0).major.has_value());
  CHECK(rules.at(0).minor == 7);
  CHECK(rules.at(1).type == 'a');
  CHECK(rules.at(2).type == 'a');
  CHECK(rules.at(2).access.empty());
  CHECK(outcome("/linux/resources/devices", R"([{"allow": true, "major": -2}])") ==
        "/linux/resources/devices/0/major: negative; -1 means any");
  CHECK(outcome("/linux/resources/devices", R"([{"allow": true, "type": "p"}])") ==
        "/linux/resources/devices/0/type: \"p\" is none of a, b, c and u");
  CHECK(outcome("/linux/resources/devices", R"([{"type": "a"}])") ==
        "/linux/resources/devices/0/allow: missing");
}

TEST_CASE("values that are wrong by themselves") {
  const std::vector<std::vector<const char*>> cases = {
      {"/process/args", "[]", "/process/args: missing; it names the program to run"},
      {"/process/cwd", "null", "/process/cwd: missing"},
      {"/mounts", R"([{"destination": ""}])", "/mounts/0/destination: empty"},
      {"/root", R"({"path": ""})", "/root/path: empty"},
      {"/linux/personality", R"({"domain": ""})", "/linux/personality/domain: empty"},
      {"/linux/memoryPolicy", R"({"mode": "", "nodes": "0"})", "/linux/memoryPolicy/mode: empty"},
      {"/mounts", R"([{"source": "x"}])", "/mounts/0/destination: missing"},
      {"/hooks", R"({"poststop": [{"path": "/x"}, {"path": "/x", "timeout": 0}]})",
       "/hooks/poststop/1/timeout: not above zero"},
      {"/hooks", R"({"prestart": [{"args": []}]})", "/hooks/prestart/0/path: missing"},
      {"/linux/devices", R"([{"type": "x", "path": "/dev/x"}])",
       "/linux/devices/0/type: \"x\" is none of b, c, u and p"},
      {"/linux/devices", R"([{"type": "", "path": "/dev/x"}])",
       "/linux/devices/0/type: \"\" is none of b, c, u and p"},
      {"/linux/devices", R"([{"type": "b", "path": "/dev/x", "major": 1}])",
       "/linux/devices/0/minor: missing"},
      {"/linux/namespaces", R"([{"path": "/x"}])", "/linux/namespaces/0/type: missing"},
      {"/linux/uidMappings", R"([{"containerID": 0, "hostID": 0}])", "/linux/uidMappings/0/size: missing"},
      {"/linux/seccomp", R"({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]})",
       "/linux/seccomp/defaultAction: missing"},
      {"/linux/seccomp", R"({"defaultAction": "a", "syscalls": [{"names": [], "action": "a"}]})",
       "/linux/seccomp/syscalls/0/names: names no system call"},
      {"/linux/seccomp",
       R"({"defaultAction": "a", "syscalls": [{"names": ["x"], "action": "a", "args": [{"index": 6, "value": 0, "op": "o"}]}]})",
       "/linux/seccomp/syscalls/0/args/0/index: not 0 to 5"},
      {"/linux/memoryPolicy", R"({"nodes": "0"})", "/linux/memoryPolicy/mode: missing"},
  };
  for (const auto& test : cases)
    CHECK(outcome(test[0], test[1]) == test[2]);
}

// spec: config-linux.md#intelRdt
TEST_CASE("what this runtime can't do is said, what limits nothing is ignored") {
  const auto kind_of = [](const char* pointer, const char* value) {
    const auto spec = read_spec(with(pointer, Json::parse(value)));
    return spec                                             ? std::string("read")
           : spec.error().kind() == ErrorKind::kUnsupported ? "unsupported"
                                                            : "other";
  };
  CHECK(kind_of("/linux/intelRdt", "{}") == "read");
  CHECK(kind_of("/linux/intelRdt", R"({"enableCMT": true, "schemata": []})") == "read");
  CHECK(kind_of("/linux/intelRdt", R"({"schemata": ["L3:0=f"]})") == "unsupported");
  CHECK(kind_of("/linux/intelRdt", R"({"l3CacheSchema": "L3:0=f"})") == "unsupported");
  CHECK(kind_of("/linux/intelRdt", R"({"memBwSchema": "MB:0=50"})") == "unsupported");
  CHECK(kind_of("/linux/intelRdt", R"({"closID": "x"})") == "unsupported");
  CHECK(kind_of("/linux/intelRdt", R"({"closID": 3})") == "other");
  CHECK(kind_of("/linux/intelRdt", R"({"closID": "a/b"})") == "other");
  CHECK(kind_of("/linux/intelRdt", R"({"enableMonitoring": true})") == "unsupported");
  CHECK(kind_of("/linux/intelRdt", R"({"enableMonitoring": false})") == "read");
  const auto words = read_spec(with("/linux/intelRdt", Json::parse(R"({"memBwSchema": "MB:0=50"})")));
  REQUIRE_FALSE(words);
  CHECK(
      words.error().text().starts_with("/linux/intelRdt/memBwSchema: intelRdt.memBwSchema is specified in "
                                       "config, but Intel RDT/MBA is not enabled"));
  CHECK(kind_of("/linux/personality", R"({"domain": "LINUX", "flags": []})") == "read");
  CHECK(kind_of("/linux/personality", R"({"domain": "LINUX", "flags": ["X"]})") == "unsupported");
}

// spec: config.md#extensibility
TEST_CASE("lenient where the specification or the callers need it") {
  Json document = minimal();
  document["mounts"] = Json::parse(R"([{"destination": "data"}])");
  document["windows"] = Json::parse(R"({"layerFolders": 3})");
  document["process"]["commandLine"] = "ignored";
  document["process"]["consoleSize"] = Json::parse(R"({"height": "no number"})");  // without a terminal
  document["linux"]["seccomp"] = Json::object();
  document["linux"]["netDevices"] = Json::parse(R"({"eth7": {}})");
  const auto spec = read_spec(document);
  REQUIRE(spec);
  CHECK(spec->mounts.at(0).destination == "/data");
  CHECK_FALSE(spec->os.seccomp.has_value());
  CHECK(spec->os.net_devices.at(0).container_name == "eth7");
  CHECK(spec->process.user.uid == 0);
  CHECK_FALSE(spec->process.capabilities.has_value());
  const Json two_members = Json::parse(R"({"ociVersion": "1.0.0", "root": {"path": "r"}})");
  const auto least = read_spec(two_members);
  REQUIRE(least);
  CHECK_FALSE(runtime::has_process(*least));
}

TEST_CASE("a process and resources are read alone, with pointers from their own root") {
  const auto process = runtime::read_process(JsonView(full_document()["process"]));
  REQUIRE(process);
  CHECK(process->cwd == "/srv");
  const Json wrong = Json::parse(R"({"args": ["x"], "cwd": 7})");
  CHECK(runtime::read_process(JsonView(wrong)).error().text() == "/cwd: not a string");
  const Json update = Json::parse(R"({"pids": {"limit": 5}, "memory": {"limit": -1}})");
  const auto resources = runtime::read_resources(JsonView(update));
  REQUIRE(resources);
  CHECK(resources->pids_limit == 5);
  CHECK(resources->memory.limit_bytes == -1);
}
