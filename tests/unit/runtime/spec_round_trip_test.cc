#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "base/file.h"
#include "base/process.h"
#include "runtime/enter.h"
#include "runtime/spec_read.h"
#include "runtime/spec_validate.h"
#include "runtime/spec_write.h"
#include "tests/unit/runtime/spec_document.h"

using runtime::read_spec;
using runtime::Spec;
using runtime::write_spec;

namespace {

Spec must_read(const Json& document) {
  auto spec = read_spec(document);
  INFO((spec ? "" : spec.error().text()));
  REQUIRE(spec);
  return *spec;
}

// What `PROGRAM spec ...` writes into an empty directory.
Json generated_by(const std::vector<std::string>& argv) {
  std::string directory = "/tmp/vial-spec-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  auto with_bundle = argv;
  with_bundle.insert(with_bundle.end(), {"--bundle", directory});
  const auto output = run_command(with_bundle);
  auto document = read_json_file(directory + "/config.json");
  CHECK(remove_tree(directory));
  INFO(argv.front() << " spec must be installed and work");
  REQUIRE(output);
  INFO(output->err);
  REQUIRE(output->status.shell_code() == 0);
  REQUIRE(document);
  return *document;
}

}  // namespace

TEST_CASE("a document with every member survives reading and writing") {
  const Json document = full_document();
  const Json again = write_spec(must_read(document));
  INFO(Json::diff(document, again).dump(1));
  CHECK(again == document);
  CHECK(dump_json(again) == dump_json(document));
  CHECK(validate_spec(must_read(document)));
}

TEST_CASE("the text of a written spec reads as the same spec") {
  const std::string text = dump_json(write_spec(must_read(full_document())), 2);
  const auto parsed = parse_json(text);
  REQUIRE(parsed);
  CHECK(write_spec(must_read(*parsed)) == full_document());
}

TEST_CASE("the members of a full document arrive in their places") {
  const Spec spec = must_read(full_document());
  const auto& process = spec.process;
  CHECK(process.console_height == 24);
  CHECK(process.console_width == 80);
  CHECK(process.user.umask == 022U);
  CHECK(process.capabilities->bounding == (1ULL << 0 | 1ULL << 5 | 1ULL << 40));
  CHECK(process.capabilities->inheritable == 1ULL << 39);
  CHECK(process.capabilities->ambient == 1ULL << 13);
  CHECK(process.rlimits.at(0).hard == UINT64_MAX);
  CHECK(process.rlimits.at(1).soft == 1);
  CHECK(process.scheduler->deadline == 20000000);
  CHECK(process.cpu_affinity_final == "1");
  CHECK(spec.hooks.prestart.at(0).timeout_s == 5);
  CHECK(spec.hooks.poststop.at(1).path == "/bin/g");
  CHECK(spec.mounts.at(1).gid_maps.at(0).host_id == 200000);
  CHECK(spec.os.namespaces.at(1).path == "/run/netns/blue");
  CHECK(spec.os.time_offsets.at(0).seconds == -7);
  CHECK(spec.os.devices.at(0).minor == 229);
  CHECK(spec.os.net_devices.at(0).container_name == "lan");
  CHECK(spec.os.seccomp->rules.at(1).arguments.at(0).value == UINT64_MAX);
  const auto& resources = spec.os.resources;
  CHECK(resources.memory.swap_bytes == -1);
  CHECK(resources.memory.disable_oom_killer == false);
  CHECK(resources.cpu.realtime_period_us == 1000000U);
  CHECK(resources.block_io.write_iops.at(0).rate == UINT64_MAX);
  CHECK(resources.block_io.read_iops.at(0).minor == 2);
  CHECK(resources.rdma.at(0).hca_objects == 10000U);
  CHECK(resources.network_class_id == 1048577U);
  CHECK_FALSE(resources.devices.at(0).major.has_value());
  CHECK(resources.devices.at(1).minor == 3);
}

TEST_CASE("a spec with nothing in it is written without empty members") {
  Spec spec;
  spec.root.path = "rootfs";
  CHECK(dump_json(write_spec(spec)) == R"({"ociVersion":"1.3.0","root":{"path":"rootfs"}})");
  CHECK(write_spec(must_read(write_spec(spec))) == write_spec(spec));
}

TEST_CASE("empty capability sets are not the caller's sets") {
  Spec spec;
  spec.process.args = {"sh"};
  CHECK_FALSE(must_read(write_spec(spec)).process.capabilities.has_value());
  spec.process.capabilities.emplace();
  const auto again = must_read(write_spec(spec)).process.capabilities;
  REQUIRE(again.has_value());
  CHECK(*again == security::CapabilitySets{});
}

TEST_CASE("best effort is not kept in a file") {
  Spec spec;
  spec.process.args = {"sh"};
  spec.process.rlimits = {{"RLIMIT_NOFILE", 1, UINT64_MAX, true}};
  const Spec again = must_read(write_spec(spec));
  CHECK_FALSE(again.process.rlimits.at(0).best_effort);
  CHECK(again.process.rlimits.at(0).hard == UINT64_MAX);
}

namespace {

// Checks that all that `document` says is in `kept` too. The order of capabilities means nothing; what is
// empty is left out; the type of a rule for all devices is spelled out.
void check_nothing_lost(Json document, const Json& kept) {
  for (auto& set : document["process"]["capabilities"])
    std::sort(set.begin(), set.end());
  Json sorted = kept;
  for (auto& set : sorted["process"]["capabilities"])
    std::sort(set.begin(), set.end());
  for (const auto& change : Json::diff(document, sorted)) {
    const auto path = change.at("path").get<std::string>();
    const bool was_empty = change.at("op") == "remove" && document.at(Json::json_pointer(path)).empty();
    const bool spelled_out = change.at("op") == "add" && path == "/linux/resources/devices/0/type";
    const bool empty_set = change.at("op") == "add" && change.at("value").empty();
    INFO(change.dump());
    CHECK((was_empty || spelled_out || empty_set));
  }
}

}  // namespace

TEST_CASE("what other runtimes generate is read and written, and is valid") {
  const std::vector<std::vector<std::string>> programs = {
      {"runc", "spec"}, {"runc", "spec", "--rootless"}, {"crun", "spec"}, {"crun", "spec", "--rootless"}};
  for (const auto& argv : programs) {
    const Json document = generated_by(argv);
    const Spec spec = must_read(document);
    CHECK(spec.process.args == std::vector<std::string>{"sh"});
    CHECK(spec.process.capabilities->bounding == (1ULL << 5 | 1ULL << 10 | 1ULL << 29));
    CHECK(spec.root.readonly);
    CHECK(spec.mounts.size() >= 6);
    CHECK(spec.os.readonly_paths.size() == 5);
    CHECK(write_spec(must_read(write_spec(spec))) == write_spec(spec));
    check_nothing_lost(document, write_spec(spec));
    // crun finds the mappings of its user by itself when there are none; run as root there are none to find.
    const bool no_maps = argv == programs.back();
    const auto valid = validate_spec(spec);
    CHECK((valid ? "" : valid.error().text()) ==
          (no_maps ? "/linux/uidMappings: missing; a new user namespace has no ids without it" : ""));
  }
}

// spec: config.md#process.execCPUAffinity
TEST_CASE("what exec's own document does not say is the container's") {
  const auto own = runtime::read_process(JsonView(full_document()["process"])).value();
  const auto least = runtime::read_exec_process(R"({"args": ["x"], "cwd": "/"})", own).value();
  CHECK(least.oom_score_adj == -500);
  CHECK(least.scheduler.value().policy == "SCHED_DEADLINE");
  CHECK(least.io_priority.value().priority == 4);
  CHECK(least.cpu_affinity_initial == "0-1");
  CHECK(least.cpu_affinity_final == "1");
  CHECK(least.rlimits.size() == 2);
  CHECK(least.env.empty());
  CHECK_FALSE(least.no_new_privileges);
  const auto other = runtime::read_exec_process(R"({"args": ["x"], "cwd": "/", "oomScoreAdj": 0,
      "scheduler": {"policy": "SCHED_OTHER"}, "ioPriority": {"class": "IOPRIO_CLASS_IDLE"},
      "execCPUAffinity": {"final": "0"}})",
                                                own)
                         .value();
  CHECK(other.oom_score_adj == 0);
  CHECK(other.scheduler.value().policy == "SCHED_OTHER");
  CHECK(other.io_priority.value().io_class == "IOPRIO_CLASS_IDLE");
  CHECK(other.cpu_affinity_initial.empty());
  CHECK(other.cpu_affinity_final == "0");
}
