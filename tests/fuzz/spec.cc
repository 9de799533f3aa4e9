// config.json, from the text to the plan, on each kind of host; nothing is performed. Beyond crashes: an
// error is one line that may be shown on a terminal, and what was read is written such that it reads as the
// same again, which is how a container's own copy, `spec` and `inspect` live on. Mutations are of the
// document, not only of its bytes: most of those are no JSON.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/step.h"
#include "base/strings.h"
#include "runtime/plan.h"
#include "runtime/spec.h"
#include "runtime/spec_read.h"
#include "security/filter.h"

// NOLINTBEGIN(readability-identifier-naming): libFuzzer's names
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) __attribute__((weak));
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// NOLINTEND(readability-identifier-naming)

namespace {

void check_error(const Error& error) {
  if (error.text().empty() || printable(error.text()) != error.text()) std::abort();
}

std::array<runtime::HostFacts, 3> hosts() {
  constexpr const char* kRoot = "/sys/fs/cgroup";
  const std::vector<std::string> controllers = {"cpu",    "cpuset", "hugetlb", "io",
                                                "memory", "misc",   "pids",    "rdma"};
  std::array<runtime::HostFacts, 3> all;
  all[0].cgroups = {kRoot, controllers, {}};
  auto& v1 = all[1].cgroups.v1;
  for (const char* name : {"blkio", "cpu", "cpuset", "devices", "freezer", "hugetlb", "memory", "net_cls",
                           "net_prio", "perf_event", "pids", "rdma", "name=systemd"})
    v1.push_back({std::string(kRoot) + "/" + name, {name}});
  all[1].can_raise_rlimits = false;
  all[2].cgroups = {"/sys/fs/cgroup/unified", {"hugetlb"}, {v1[1], v1[3], v1[6]}};
  return all;
}

void look_at(const Plan& plan) {
  for (const auto& step : plan) {
    if (printable(step->name()) != step->name()) std::abort();
    (void)step->say();
    if (step->shell().find('\0') != std::string::npos) std::abort();
    if (step->why().text.empty()) std::abort();
    for (const auto& undo : step->undo()) {
      if (undo.target.empty()) std::abort();
    }
  }
}

void plan_it(const runtime::Spec& spec) {
  static const auto all = hosts();
  for (const auto& host : all) {
    runtime::PlanRequest request;
    request.spec = &spec;
    request.id = "fuzzed";
    request.bundle = "/bundle";
    request.names_members = true;
    if (spec.os.seccomp) {
      auto filter = security::compile_filter(*spec.os.seccomp);
      if (!filter) return check_error(filter.error());
      request.seccomp.push_back(*std::move(filter));
    }
    const auto plan = runtime::make_plan(std::move(request), host);
    if (!plan) {
      check_error(plan.error());
    } else {
      look_at(*plan);
    }
  }
}

// A value somewhere in the document: each object, array and leaf as likely as the other.
void list_values(Json& value, std::vector<Json*>& all) {
  all.push_back(&value);
  if (!value.is_structured()) return;
  for (auto& child : value)
    list_values(child, all);
}

Json any_value(std::mt19937& random, const std::vector<Json*>& all) {
  static const std::vector<Json> kExtremes = {nullptr,
                                              true,
                                              0,
                                              1,
                                              -1,
                                              4096,
                                              65535,
                                              4294967295,
                                              4294967296,
                                              INT64_MIN,
                                              INT64_MAX,
                                              UINT64_MAX,
                                              1.5,
                                              1e300,
                                              "",
                                              "/",
                                              "..",
                                              "/proc",
                                              "/sys/fs/cgroup",
                                              "a:b:c",
                                              "rw",
                                              "ro",
                                              "rbind",
                                              "idmap",
                                              "tmpcopyup",
                                              "mode=7777",
                                              "size=1k",
                                              "SCMP_ACT_NOTIFY",
                                              "CAP_SYS_ADMIN",
                                              "\x1b[2Jx\n",
                                              "\xc3\xa9",
                                              std::string(300, 'x'),
                                              "$(id)`id`'\"",
                                              Json::array(),
                                              Json::object()};
  return random() % 3 == 0 ? *all[random() % all.size()] : kExtremes[random() % kExtremes.size()];
}

void mutate(Json& document, std::mt19937& random) {
  std::vector<Json*> all;
  list_values(document, all);
  Json& place = *all[random() % all.size()];
  Json value = any_value(random, all);
  if (place.is_object() && !place.empty() && random() % 2 == 0) {
    auto member = place.begin();
    std::advance(member, static_cast<std::ptrdiff_t>(random() % place.size()));
    place.erase(member);
  } else if (place.is_array() && random() % 2 == 0) {
    place.push_back(std::move(value));
  } else {
    place = std::move(value);
  }
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  auto document = parse_json({reinterpret_cast<const char*>(data), size});
  if (!document || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (unsigned count = 1 + random() % 4; count > 0; --count)
    mutate(*document, random);
  const std::string text = dump_json(*document);
  if (text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto document = parse_json({reinterpret_cast<const char*>(data), size});
  if (!document) {
    check_error(document.error());
    return 0;
  }
  (void)runtime::read_process(JsonView(*document));
  (void)runtime::read_resources(JsonView(*document));
  const auto spec = runtime::read_spec(*document);
  if (!spec) {
    check_error(spec.error());
    return 0;
  }
  const Json written = runtime::write_spec(*spec);
  const auto again = runtime::read_spec(written);
  if (!again || runtime::write_spec(*again) != written) std::abort();
  plan_it(*spec);
  return 0;
}
