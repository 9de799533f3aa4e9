// Two hundred containers at once: listed fast, stopped and removed, and the host is as before.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "base/strings.h"
#include "tests/integration/running_program.h"

namespace {

// Processor time of what has run and ended so far: other tests beside this one don't change it.
int64_t used_ms() {
  struct rusage usage = {};
  REQUIRE(::getrusage(RUSAGE_CHILDREN, &usage) == 0);
  const auto milliseconds = [](const timeval& time) { return time.tv_sec * 1000 + time.tv_usec / 1000; };
  return milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
}

}  // namespace

TEST_CASE("two hundred containers: started, listed, stopped and removed without a trace") {
  const Vial vial;
  const size_t count = in_vm() ? 20 : is_sanitized() ? 60 : 200;
  const HostPicture before = HostPicture::take({});
  Words names;
  for (size_t i = 0; i < count; ++i)
    names.push_back("many" + std::to_string(i));
  const int64_t begin = monotonic_ms();
  for (const auto& name : names) {
    const auto started = vial.run({"run", "-d", "--name", name, "busybox", "sleep", "1000"});
    INFO(started.err);
    REQUIRE(started.code == 0);
  }
  const int64_t started_ms = monotonic_ms() - begin;
  int64_t best_ms = INT64_MAX;
  for (int i = 0; i < 5; ++i) {
    const int64_t from = used_ms();
    const auto listed = vial.run({"ps"});
    best_ms = std::min(best_ms, used_ms() - from);
    CHECK(split(trim(listed.out), '\n').size() == count + 1);
  }
  std::printf("%zu containers: started in %lld ms, ps takes %lld ms\n", count,
              static_cast<long long>(started_ms), static_cast<long long>(best_ms));
  CHECK(best_ms < 500);
  // Each container's mounts are in its own mount namespace alone.
  CHECK_FALSE(contains(before.difference(before.again()), "mount "));
  Words stop = {"stop", "-t", "0"};
  stop.insert(stop.end(), names.begin(), names.end());
  const auto stopped = vial.run(stop);
  CHECK(stopped.code == 0);
  CHECK(stopped.out == join(names, "\n") + "\n");
  CHECK(vial.run({"ps", "-q"}).out.empty());
  Words remove = {"rm"};
  remove.insert(remove.end(), names.begin(), names.end());
  CHECK(vial.run(remove).code == 0);
  CHECK(vial.run({"ps", "-aq"}).out.empty());
}
