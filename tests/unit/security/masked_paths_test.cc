#include "security/masked_paths.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "base/file.h"
#include "base/strings.h"

using namespace security;

TEST_CASE("the lists hold what Docker and Podman hide, and more") {
  const auto& masked = default_masked_paths();
  for (const char* path :
       {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
        "/sys/fs/selinux", "/sys/devices/virtual/powercap", "/sys/dev/block", "/proc/kallsyms",
        "/sys/kernel/security"})
    CHECK(std::count(masked.begin(), masked.end(), path) == 1);
  CHECK(default_readonly_paths() ==
        std::vector<std::string>{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
  std::set<std::string> all(masked.begin(), masked.end());
  all.insert(default_readonly_paths().begin(), default_readonly_paths().end());
  CHECK(all.size() == masked.size() + default_readonly_paths().size());
  for (const std::string& path : all)
    CHECK((path.compare(0, 6, "/proc/") == 0 || path.compare(0, 5, "/sys/") == 0));
}

TEST_CASE("patterns name what exists, component by component") {
  const std::string top = "/tmp/vial-masked-" + random_hex(8);
  for (const char* name :
       {"/cpu0/throttle", "/cpu1/throttle", "/cpu10", "/.cpu2/throttle", "/other/throttle"})
    REQUIRE(make_directories(top + name));
  CHECK(expand_masked_path(top + "/cpu*/throttle") ==
        std::vector<std::string>{top + "/cpu0/throttle", top + "/cpu1/throttle"});
  CHECK(expand_masked_path(top + "/cpu1*") == std::vector<std::string>{top + "/cpu1", top + "/cpu10"});
  CHECK(expand_masked_path(top + "/*/nothing").empty());
  CHECK(expand_masked_path(top + "/no*/throttle").empty());
  CHECK(expand_masked_path("/proc/not-there") == std::vector<std::string>{"/proc/not-there"});
  for (const std::string& path : masked_paths_of_this_host())
    CHECK(path.find('*') == std::string::npos);
  CHECK(remove_tree(top));
}
