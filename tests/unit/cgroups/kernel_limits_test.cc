// Limits, enforced by this machine's kernel: on v1, hybrid (most hosts of developers) and pure v2 (tests/vm).
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/devices.h"
#include "cgroups/limits.h"
#include "cgroups/stats.h"
#include "tests/unit/cgroups/random_device_rules.h"
#include "tests/unit/cgroups/test_group.h"
#include "tests/unit/temporary_directory.h"

namespace {

constexpr size_t kMiB = size_t{1} << 20U;

// Touches memory page by page.
int use_memory(size_t bytes) {
  char* memory =
      static_cast<char*>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) return 2;
  constexpr size_t kPage = 4096;
  for (size_t i = 0; i < bytes; i += kPage)
    memory[i] = 1;
  return 0;
}

int burn(int64_t wall_ns) {
  const int64_t end = monotonic_ns() + wall_ns;
  while (monotonic_ns() < end) {
  }
  return 0;
}

// Whether an open of `path` succeeds, or the errno.
int open_errno(const char* path) {
  const int fd = ::open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

cgroups::Resources with_memory(int64_t limit) {
  cgroups::Resources resources;
  resources.memory.limit_bytes = limit;
  resources.memory.swap_bytes = limit;
  return resources;
}

}  // namespace

// In the VM a world that is not pure v2 would pass these tests on v1 and prove nothing.
TEST_CASE("the world that was asked for is the one that is tested", "[kernel]") {
  const char* required = std::getenv("VIAL_REQUIRE");
  if (required == nullptr || std::string(required) != "cgroup2") return;
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  CHECK(layout->is_pure_v2());
  for (const char* controller : {"cpu", "cpuset", "io", "memory", "pids"})
    CHECK(layout->v2_has(controller));
}

// spec: config-linux.md#resources.memory
TEST_CASE("memory over the limit is killed, and counted", "[kernel]") {
  TestGroup group(with_memory(32 * kMiB));
  auto watch = cgroups::OomWatch::open(group.group());
  REQUIRE(watch);
  CHECK(cgroups::oom_kills(group.group()).value() == 0);
  CHECK(group.start([] { return use_memory(8 * kMiB); }).wait() == 0);
  struct pollfd waiter = {watch->fd(), POLLIN, 0};
  CHECK(::poll(&waiter, 1, 0) == 0);

  CHECK(group.start([] { return use_memory(100 * kMiB); }).wait() == 137);
  CHECK(cgroups::oom_kills(group.group()).value() == 1);
  CHECK(::poll(&waiter, 1, 1000) == 1);
  watch->drain();

  const auto stats = cgroups::read_stats(group.group());
  REQUIRE(stats);
  CHECK(stats->memory_limit == 32 * kMiB);
  CHECK(stats->oom_kills == 1);
  // memory.failcnt of v1 stays 0 on new kernels (seen on 6.18).
  REQUIRE(stats->memory_failures);
  if (group.layout().v2_has("memory")) CHECK(*stats->memory_failures > 0);
  CHECK(stats->memory_peak.value_or(0) > 16 * kMiB);
  CHECK(stats->memory_peak.value_or(0) <= 32 * kMiB);
}

// spec: config-linux.md#resources.hugepageLimits
TEST_CASE("a huge page over the limit is refused, and counted", "[kernel]") {
  constexpr size_t kHuge = 2 * kMiB;
  const bool has_hugetlb = has_controller(cgroups::read_layout().value(), "hugetlb");
  cgroups::Resources resources;
  if (has_hugetlb) resources.hugepages.push_back({"2MB", 0});
  TestGroup group(resources);
  if (!has_hugetlb) {
    CHECK(cgroups::read_stats(group.group())->huge_pages.empty());
    return;
  }
  // Not reserved, so that the limit is met at the first touch, whether the host has such pages or not.
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE;
  const auto touch = [] {
    void* memory = ::mmap(nullptr, kHuge, PROT_READ | PROT_WRITE, kFlags, -1, 0);
    if (memory == MAP_FAILED) return 2;
    ::signal(SIGBUS, SIG_DFL);  // a sanitizer's handler would make an exit of it
    *static_cast<volatile char*>(memory) = 1;
    return 0;
  };
  CHECK(group.start(touch).wait() == 128 + SIGBUS);
  const auto stats = cgroups::read_stats(group.group());
  REQUIRE(stats);
  const auto& sizes = stats->huge_pages;
  const auto of_size =
      std::find_if(sizes.begin(), sizes.end(), [](const auto& use) { return use.size == "2MB"; });
  REQUIRE(of_size != sizes.end());
  // Linux 6.18 counts failures on v2 only (page_counter's track_failcnt).
  if (group.layout().v2_has("hugetlb")) CHECK(of_size->failures == 1);
  CHECK(of_size->usage == 0);
}

// spec: config-linux.md#resources.pids
TEST_CASE("no more processes than pids allows", "[kernel]") {
  cgroups::Resources resources;
  resources.pids_limit = 3;
  TestGroup group(resources);
  // Of three forks two succeed: the child itself is the third process.
  TestChild child = group.start([] {
    int made = 0;
    for (int i = 0; i < 3; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::pause();
        ::_exit(0);
      }
      if (pid > 0) ++made;
      if (pid < 0 && errno != EAGAIN) return 50;
    }
    return made;
  });
  CHECK(child.wait() == 2);
}

// spec: config-linux.md#resources.cpu
TEST_CASE("cpu time stays at the quota", "[kernel][slow]") {
  constexpr int64_t kWall = 1'500'000'000;
  cgroups::Resources resources;
  resources.cpu.quota_us = 20'000;
  resources.cpu.period_us = 100'000;
  uint64_t throttled = 0;
  // On a busy machine a process may not even get what its quota would allow.
  for (int tries = 0; tries < 6 && throttled < 5; ++tries) {
    TestGroup group(resources);
    const int64_t begin = monotonic_ns();
    CHECK(group.start([] { return burn(kWall); }).wait() == 0);
    const auto wall_us = static_cast<double>(monotonic_ns() - begin) / 1000.0;
    const auto stats = cgroups::read_stats(group.group());
    REQUIRE(stats);
    REQUIRE(stats->cpu_usage_us);
    // 20 % of the wall; a period more at the start and 10 % for the tick.
    CHECK(static_cast<double>(*stats->cpu_usage_us) < wall_us * 0.2 * 1.1 + 20'000);
    throttled = stats->cpu_throttled_periods.value_or(0);
    CHECK((throttled == 0 || stats->cpu_throttled_us.value_or(0) > 0));
  }
  CHECK(throttled >= 5);
}

TEST_CASE("a cpuset pins, and without one a process may enter all the same", "[kernel]") {
  cgroups::Resources resources;
  resources.cpu.cpus = "0";
  TestGroup pinned(resources);
  const auto count = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    return CPU_COUNT(&set);
  };
  CHECK(pinned.start(count).wait() == 1);
  TestGroup free({});
  CHECK(free.start(count).wait() == count());
}

// spec: config-linux.md#resources.devices
TEST_CASE("devices: what the rules do not name can't be opened or made", "[kernel]") {
  cgroups::Resources resources;
  resources.devices = {{false, 'a', {}, {}, "rwm"}, {true, 'c', 1, 3, "rwm"}, {true, 'c', 1, 5, "r"}};
  TestGroup group(resources);
  CHECK(group.start([] { return open_errno("/dev/null"); }).wait() == 0);
  CHECK(group.start([] { return open_errno("/dev/full"); }).wait() == EPERM);
  CHECK(group.start([] { return open_errno("/dev/zero"); }).wait() == EPERM);  // for reading only
  TestGroup free({});
  CHECK(free.start([] { return open_errno("/dev/full"); }).wait() == 0);
}

// On a hybrid host v1's controller is used; the program must work there all the same.
TEST_CASE("the kernel takes the device program and obeys it", "[kernel]") {
  TestGroup group({});
  if (group.group().v2_directory.empty()) return;
  const auto program = cgroups::device_program({{false, 'a', {}, {}, "rwm"},
                                                {true, 'c', 1, {}, "rwm"},
                                                {false, 'c', 1, 7, "w"},
                                                {true, 'b', {}, {}, "m"}});
  REQUIRE(program);
  const auto fd = sys::open(group.group().v2_directory.c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(fd);
  const auto attached = cgroups::attach_device_program(fd->get(), *program);
  if (!attached) FAIL(attached.error().text());
  CHECK(group.start([] { return open_errno("/dev/zero"); }).wait() == 0);
  CHECK(group.start([] { return open_errno("/dev/full"); }).wait() == EPERM);
  CHECK(group.start([] { return ::open("/dev/full", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0; }).wait() == 0);
  CHECK(group.start([] { return open_errno("/dev/ptmx"); }).wait() == EPERM);
  const auto broken = cgroups::attach_device_program(fd->get(), {program->front()});
  REQUIRE_FALSE(broken);
  CHECK_THAT(broken.error().text(), Catch::Contains("BPF_PROG_LOAD"));
}

TEST_CASE("the kernel takes the device program of any rules", "[kernel]") {
  TestGroup group({});
  if (group.group().v2_directory.empty()) return;
  const auto fd = sys::open(group.group().v2_directory.c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(fd);
  std::mt19937 random(20261129);
  constexpr int kMost = 64;  // kernel/bpf/cgroup.c BPF_CGROUP_MAX_PROGS
  for (int round = 0; round < kMost; ++round) {
    const auto program = cgroups::device_program(random_device_rules(random));
    REQUIRE(program);
    const auto attached = cgroups::attach_device_program(fd->get(), *program);
    INFO(cgroups::disassemble(*program));
    if (!attached) FAIL(attached.error().text());
  }
}

TEST_CASE("a throttle of a disk is written where the kernel shows it again", "[kernel]") {
  // The numbers of any whole disk; the VM has none unless it is given one (VM_DISK).
  std::string numbers;
  const auto disks = list_directory("/sys/block");
  if (disks && !disks->empty()) numbers = *read_file("/sys/block/" + disks->front() + "/dev");
  const auto parts = split(trim(numbers), ':');
  if (parts.size() != 2) return;
  cgroups::Resources resources;
  resources.block_io.write_bps.push_back({*parse_int(parts[0]), *parse_int(parts[1]), {}, {}, 1 << 20});
  TestGroup group(resources);
  CHECK_THAT(group.file("io", "io.max", "blkio.throttle.write_bps_device"),
             Catch::Contains(parts[0] + ":" + parts[1]) && Catch::Contains("1048576"));
}

TEST_CASE("update raises and lowers memory with its swap in any order", "[kernel]") {
  TestGroup group(with_memory(32 * kMiB));
  for (const size_t limit : {64 * kMiB, 16 * kMiB, 128 * kMiB}) {
    const auto updated =
        cgroups::update_limits(group.layout(), group.group(), with_memory(static_cast<int64_t>(limit)));
    CAPTURE(limit);
    if (!updated) FAIL(updated.error().text());
    CHECK(group.file("memory", "memory.max", "memory.limit_in_bytes") == std::to_string(limit));
  }
  cgroups::Resources swap_only;
  swap_only.memory.swap_bytes = 192 * kMiB;
  REQUIRE(cgroups::update_limits(group.layout(), group.group(), swap_only));
  const bool on_v2 = group.layout().v2_has("memory");
  CHECK(group.file("memory", "memory.swap.max", "memory.memsw.limit_in_bytes") ==
        std::to_string((on_v2 ? 64 : 192) * kMiB));
  REQUIRE(cgroups::update_limits(group.layout(), group.group(), with_memory(-1)));
  CHECK_FALSE(cgroups::read_stats(group.group())->memory_limit.has_value());
}

TEST_CASE("update keeps what is not given", "[kernel]") {
  cgroups::Resources resources;
  resources.cpu.quota_us = 50'000;
  resources.cpu.period_us = 200'000;
  resources.pids_limit = 10;
  TestGroup group(resources);
  cgroups::Resources change;
  change.cpu.quota_us = 60'000;
  REQUIRE(cgroups::update_limits(group.layout(), group.group(), change));
  if (group.layout().v2_has("cpu")) {
    CHECK(group.file("cpu", "cpu.max", "") == "60000 200000");
  } else {
    CHECK(group.file("cpu", "", "cpu.cfs_quota_us") == "60000");
    CHECK(group.file("cpu", "", "cpu.cfs_period_us") == "200000");
  }
  CHECK(group.file("pids", "pids.max", "pids.max") == "10");
}

TEST_CASE("an update that is refused leaves all as it was", "[kernel]") {
  cgroups::Resources resources = with_memory(32 * kMiB);
  resources.cpu.quota_us = 50'000;
  resources.pids_limit = 10;
  TestGroup group(resources);
  const auto all = [&] {
    return group.file("pids", "pids.max", "pids.max") + "; " +
           group.file("cpu", "cpu.max", "cpu.cfs_quota_us") + "; " +
           group.file("cpu", "cpu.weight", "cpu.shares") + "; " +
           group.file("memory", "memory.max", "memory.limit_in_bytes") + "; " +
           group.file("memory", "memory.swap.max", "memory.memsw.limit_in_bytes");
  };
  const std::string before = all();
  cgroups::Resources change = with_memory(64 * kMiB);
  change.cpu.shares = 100;
  change.cpu.quota_us = 60'000;
  change.cpu.burst_us = 900'000;  // more than the quota
  change.pids_limit = 20;
  CHECK_FALSE(cgroups::update_limits(group.layout(), group.group(), change));
  CHECK(all() == before);
  change.cpu.burst_us.reset();
  CHECK(cgroups::update_limits(group.layout(), group.group(), change));
  CHECK(all() != before);
}

// spec: config-linux.md#resources.memory.checkBeforeUpdate
TEST_CASE("check_before_update refuses a limit below what is in use", "[kernel]") {
  TestGroup group(with_memory(64 * kMiB));
  TestChild child = group.start([] {
    if (use_memory(20 * kMiB) != 0) return 1;
    ::pause();
    return 0;
  });
  const auto usage = [&] { return cgroups::read_stats(group.group())->memory_usage.value_or(0); };
  for (int i = 0; i < 500 && usage() < 20 * kMiB; ++i)
    ::poll(nullptr, 0, 10);
  cgroups::Resources change = with_memory(8 * kMiB);
  change.memory.check_before_update = true;
  const auto refused = cgroups::update_limits(group.layout(), group.group(), change);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::kConflict);
  CHECK(group.file("memory", "memory.max", "memory.limit_in_bytes") == std::to_string(64 * kMiB));
}

TEST_CASE("a limit that the kernel refuses is an error that names file and text", "[kernel]") {
  cgroups::Resources resources;
  resources.cpu.cpus = "8000";
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  const std::string path = test_parent() + "/refused";
  const auto group = cgroups::group_at(*layout, path);
  const auto steps = cgroups::cgroup_steps(*layout, path, resources);
  REQUIRE(steps);
  StepContext context;
  const auto result = perform_all(steps->before_clone, context);
  REQUIRE_FALSE(result);
  CHECK_THAT(result.error().text(), Catch::Contains("cpuset.cpus") && Catch::Contains("\"8000\""));
  REQUIRE(cgroups::remove_group(*group));
  REQUIRE(cgroups::remove_group(*cgroups::group_at(*layout, test_parent())));
  CHECK(is_removed(*group));
}

TEST_CASE("who schedules a disk on v1 counts what is done to it; v1's other counters [pure]") {
  const TemporaryDirectory directory;
  const auto put = [&](const std::string& file, const std::string& text) {
    REQUIRE(create_file(directory.file(file), text));
  };
  put("blkio.throttle.io_service_bytes_recursive", "8:0 Read 1\n8:0 Total 1\nTotal 1\n");
  put("blkio.throttle.io_serviced_recursive", "8:0 Read 1\nTotal 1\n");
  put("memory.kmem.limit_in_bytes", "9223372036854771712\n");
  put("memory.kmem.usage_in_bytes", "4096\n");
  put("cpuset.cpus", "0-1,3\n");
  put("cpuset.sched_relax_domain_level", "-1\n");
  put("cpuacct.usage_all", "cpu user system\n0 5 6\n1 7 8\n");
  const bool has_bfq = GENERATE(false, true);
  put("blkio.bfq.io_service_bytes_recursive",
      has_bfq ? "8:0 Read 2\n8:0 Write 3\n8:0 Discard 0\nTotal 5\n" : "Total 0\n");
  put("blkio.bfq.sectors_recursive", has_bfq ? "8:0 9\n" : "");
  const std::vector<std::string> controllers = {"blkio", "memory", "cpuset", "cpuacct"};
  const cgroups::Group group = {"/x", "", "", {{controllers, "/", directory.path()}}};
  const auto stats = cgroups::read_stats(group);
  REQUIRE(stats);
  REQUIRE(stats->io_tables.size() == 2);
  CHECK(stats->io_tables[0].name == "io_service_bytes");
  CHECK(stats->io_tables[0].counts.size() == (has_bfq ? 3 : 2));
  CHECK(stats->io_tables[1].name == (has_bfq ? "sectors" : "io_serviced"));
  CHECK(stats->kernel_memory->limit == 9223372036854771712U);
  CHECK(stats->kernel_memory->usage == 4096);
  CHECK_FALSE(stats->tcp_memory);
  CHECK(stats->cpuset->cpus == std::vector<uint64_t>{0, 1, 3});
  CHECK(stats->cpuset->switches.back() == std::pair<std::string, int64_t>("sched_relax_domain_level", -1));
  CHECK(stats->cpu_each_user_ns == std::vector<uint64_t>{5, 7});
  CHECK(stats->cpu_each_kernel_ns == std::vector<uint64_t>{6, 8});
}
