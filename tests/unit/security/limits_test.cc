#include "security/limits.h"

#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "tests/unit/security/in_child.h"

using namespace security;

TEST_CASE("resource limits have the kernel's numbers") {
  CHECK(resource_limit_number("RLIMIT_NOFILE").value() == RLIMIT_NOFILE);
  CHECK(resource_limit_number("nofile").value() == RLIMIT_NOFILE);
  CHECK(resource_limit_number("RLIMIT_RTTIME").value() == RLIMIT_RTTIME);
  CHECK_FALSE(resource_limit_number("RLIMIT_"));
  CHECK_FALSE(resource_limit_number("files"));
}

TEST_CASE("limits that can't be are refused before the container starts") {
  CHECK_FALSE(resource_limits_step({{"RLIMIT_NOFILE", 20, 10, false}}));
  CHECK_FALSE(resource_limits_step({{"nofile", 1, 1, false}, {"RLIMIT_NOFILE", 2, 2, false}}));
  CHECK_FALSE(oom_score_adj_step(1001));
  CHECK_FALSE(io_priority_step("IOPRIO_CLASS_BE", 8));
  CHECK_FALSE(io_priority_step("", 4));
  CHECK_FALSE(personality_step("LINUX64"));
  CHECK_FALSE(scheduler_step({"SCHED_NONE", 0, 0, {}, 0, 0, 0}));
  CHECK_FALSE(scheduler_step({"SCHED_OTHER", 20, 0, {}, 0, 0, 0}));
  CHECK_FALSE(scheduler_step({"SCHED_OTHER", 0, 1, {}, 0, 0, 0}));
  CHECK_FALSE(scheduler_step({"SCHED_FIFO", 0, 0, {}, 0, 0, 0}));
  CHECK_FALSE(scheduler_step({"SCHED_FIFO", 0, 1, {"SCHED_FLAG_X"}, 0, 0, 0}));
  CHECK_FALSE(scheduler_step({"SCHED_BATCH", 0, 0, {}, 1, 0, 0}));
}

TEST_CASE("CPU lists are cpuset's") {
  const cpu_set_t cpus = parse_cpu_list("0-2,5").value();
  CHECK(CPU_COUNT(&cpus) == 4);
  CHECK(CPU_ISSET(5, &cpus));
  for (const char* bad : {"", "1-", "-1", "3-1", "a", "0,,1", "1024", "0-99999999999"})
    CHECK_FALSE(parse_cpu_list(bad));
}

// spec: config.md#process.rlimits
TEST_CASE("resource limits are set") {
  const auto step = resource_limits_step({{"RLIMIT_NOFILE", 77, 88, false}, {"core", 0, 4096, false}});
  REQUIRE(step);
  CHECK((*step)->say() ==
        "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=77, rlim_max=88}, NULL); "
        "prlimit64(0, RLIMIT_CORE, {rlim_cur=0, rlim_max=4096}, NULL)");
  CHECK((*step)->shell() == "prlimit --pid $$ --nofile=77:88 --core=0:4096");
  CHECK(in_child([&] {
          StepContext context;
          const std::string error = perform(*step, context);
          return error + (*step)->observe(context);
        }) == "nofile 77:88 core 0:4096");
}

TEST_CASE("a default that can't be raised stays with a warning, a wish fails") {
  // Dropping CAP_SYS_RESOURCE by becoming nobody makes this the same on every machine.
  const auto raise = [](bool best_effort) {
    return in_child([&] {
      const struct rlimit small = {50, 100};
      if (::setrlimit(RLIMIT_NOFILE, &small) != 0 || ::setuid(65534) != 0) return std::string("no setup");
      const auto step = resource_limits_step({{"RLIMIT_NOFILE", 200, 400, best_effort}});
      StepContext context;
      const std::string error = perform(*step, context);
      const std::string warning = context.warnings.empty() ? "" : context.warnings[0];
      return error + "/" + warning + "/" + (*step)->observe(context);
    });
  };
  CHECK(raise(true) ==
        "/RLIMIT_NOFILE stays at 100 instead of 400: CAP_SYS_RESOURCE is missing/nofile 100:100");
  CHECK(raise(false) ==
        "prlimit RLIMIT_NOFILE: can't raise the hard limit from 100 to 400: Operation not permitted "
        "(CAP_SYS_RESOURCE is missing)//nofile 50:100");
}

// spec: config.md#process.oomScoreAdj
// spec: config.md#process.scheduler
// spec: config.md#process.ioPriority
TEST_CASE("oom_score_adj, scheduler, I/O priority, affinity and personality reach the kernel") {
  CHECK(in_child([] {
          StepContext context;
          std::string text = perform(*oom_score_adj_step(321), context);
          return text + read_file("/proc/self/oom_score_adj").value();
        }) == "321\n");
  CHECK(in_child([] {
          StepContext context;
          const auto step = scheduler_step({"SCHED_BATCH", 5, 0, {}, 0, 0, 0});
          std::string text = perform(*step, context);
          text += (*step)->observe(context);
          return text + " nice " + std::to_string(::getpriority(PRIO_PROCESS, 0));
        }) == "SCHED_BATCH nice 5");
  CHECK(in_child([] {
          StepContext context;
          std::string text = perform(*io_priority_step("IOPRIO_CLASS_BE", 6), context);
          return text + std::to_string(::syscall(SYS_ioprio_get, 1, 0));
        }) == std::to_string(2 << 13 | 6));
  CHECK(in_child([] {
          StepContext context;
          std::string text = perform(*cpu_affinity_step(Lane::kInit, "0"), context);
          cpu_set_t cpus;
          ::sched_getaffinity(0, sizeof cpus, &cpus);
          return text + std::to_string(CPU_COUNT(&cpus));
        }) == "1");
  CHECK(in_child([] {
          StepContext context;
          std::string text = perform(*personality_step("LINUX32"), context);
          return text + std::to_string(::personality(0xffffffff));
        }) == std::to_string(PER_LINUX32));
}
