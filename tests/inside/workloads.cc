// Loads on limits: memory, processes, CPU time.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/units.h"
#include "tests/inside/probe.h"

namespace probe {
namespace {

void say(const Json& value) {
  (void)write_all(STDOUT_FILENO, dump_json(value) + "\n");
}

double cpu_seconds() {
  struct rusage usage = {};
  (void)::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const struct timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int eat_memory(uint64_t megabytes, uint64_t hold_seconds) {
  constexpr size_t kMegabyte = size_t{1} << 20U;
  for (uint64_t eaten = 0; eaten < megabytes; ++eaten) {
    void* block = ::mmap(nullptr, kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
      say({{"eaten_mb", eaten}, {"error", outcome(-1)}});
      return 1;
    }
    auto* bytes = static_cast<volatile char*>(block);
    for (size_t page = 0; page < kMegabyte; page += 4096)
      bytes[page] = 1;
  }
  say({{"eaten_mb", megabytes}});
  ::sleep(static_cast<unsigned>(hold_seconds));
  return 0;
}

int fork_many(uint64_t count) {
  std::vector<pid_t> children;
  std::string error;
  while (children.size() < count) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    if (pid < 0) {
      error = outcome(-1);
      break;
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children)
    ::kill(pid, SIGKILL);
  for (const pid_t pid : children)
    (void)::waitpid(pid, nullptr, 0);
  Json result = {{"forked", children.size()}};
  if (!error.empty()) result["error"] = error;
  say(result);
  return error.empty() ? 0 : 1;
}

int burn(double seconds) {
  const int64_t start = monotonic_ns();
  const auto elapsed = [&] { return static_cast<double>(monotonic_ns() - start) / 1e9; };
  volatile uint64_t work = 0;
  while (elapsed() < seconds)
    for (int i = 0; i < 10000; ++i)
      work = work + 1;
  say({{"wall_seconds", elapsed()}, {"cpu_seconds", cpu_seconds()}});
  return 0;
}

}  // namespace probe
