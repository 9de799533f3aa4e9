#include "cgroups/stats.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/strings.h"

namespace cgroups {
namespace {

using Number = std::optional<uint64_t>;

std::string read_or_empty(const std::string& directory, const char* file) {
  if (directory.empty()) return {};
  auto text = read_file(directory + "/" + file);
  return text ? std::string(trim(*text)) : std::string();
}

// "max" and v1's page counter maximum are no number.
Number number_of(std::string_view text) {
  constexpr uint64_t kUnlimited = uint64_t{1} << 62U;
  const auto value = parse_uint(text);
  if (!value || *value >= kUnlimited) return std::nullopt;
  return *value;
}

Number read_number(const std::string& directory, const char* file) {
  return number_of(read_or_empty(directory, file));
}

// The value of "key value" among the lines of memory.stat, cpu.stat and the like.
Number value_of(const std::string& text, std::string_view key) {
  for (const std::string& line : split(text, '\n')) {
    const std::string_view view = line;
    if (view.size() > key.size() && view.substr(0, key.size()) == key && view[key.size()] == ' ') {
      return number_of(view.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

Number divided(Number value, uint64_t divisor) {
  if (value) *value /= divisor;
  return value;
}

std::vector<std::pair<std::string, uint64_t>> counters_of(const std::string& text) {
  std::vector<std::pair<std::string, uint64_t>> counters;
  for (const std::string& line : split(text, '\n')) {
    const size_t blank = line.find(' ');
    if (blank == std::string::npos) continue;
    const auto value = parse_uint(std::string_view(line).substr(blank + 1));
    if (value) counters.emplace_back(line.substr(0, blank), *value);
  }
  return counters;
}

void read_memory_v2(const std::string& directory, Stats& stats) {
  stats.memory_usage = read_number(directory, "memory.current");
  stats.memory_peak = read_number(directory, "memory.peak");
  stats.memory_limit = read_number(directory, "memory.max");
  const std::string counters = read_or_empty(directory, "memory.stat");
  stats.memory_counters = counters_of(counters);
  stats.memory_inactive_file = value_of(counters, "inactive_file");
  const Number swap_limit = read_number(directory, "memory.swap.max");
  if (swap_limit && stats.memory_limit) stats.swap_limit = *swap_limit + *stats.memory_limit;
  stats.swap_usage = read_number(directory, "memory.swap.current");
  stats.swap_failures = value_of(read_or_empty(directory, "memory.swap.events"), "max");
  const std::string events = read_or_empty(directory, "memory.events");
  stats.oom_kills = value_of(events, "oom_kill");
  stats.memory_failures = value_of(events, "max");
}

// The four files of one of v1's counters; none on a kernel that has dropped it.
std::optional<MemoryUse> read_memory_use(const std::string& directory, const std::string& stem) {
  const auto value = [&](const char* name) {
    return parse_uint(read_or_empty(directory, (stem + name).c_str()));
  };
  const auto limit = value(".limit_in_bytes");
  if (!limit) return std::nullopt;
  return MemoryUse{*limit, value(".usage_in_bytes").value_or(0), value(".max_usage_in_bytes").value_or(0),
                   value(".failcnt").value_or(0)};
}

void read_memory_v1(const std::string& directory, Stats& stats) {
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  stats.memory_unlimited = static_cast<uint64_t>(INT64_MAX / page * page);
  stats.kernel_memory = read_memory_use(directory, "memory.kmem");
  stats.tcp_memory = read_memory_use(directory, "memory.kmem.tcp");
  stats.swap_peak = read_number(directory, "memory.memsw.max_usage_in_bytes");
  stats.memory_usage = read_number(directory, "memory.usage_in_bytes");
  stats.memory_peak = read_number(directory, "memory.max_usage_in_bytes");
  stats.memory_limit = read_number(directory, "memory.limit_in_bytes");
  const std::string counters = read_or_empty(directory, "memory.stat");
  stats.memory_counters = counters_of(counters);
  stats.memory_inactive_file = value_of(counters, "total_inactive_file");
  stats.swap_limit = read_number(directory, "memory.memsw.limit_in_bytes");
  const Number both = read_number(directory, "memory.memsw.usage_in_bytes");
  stats.memory_failures = read_number(directory, "memory.failcnt");
  stats.swap_failures = read_number(directory, "memory.memsw.failcnt");
  if (both && stats.memory_usage) stats.swap_usage = *both - std::min(*both, *stats.memory_usage);
  stats.oom_kills = value_of(read_or_empty(directory, "memory.oom_control"), "oom_kill");
}

// v2's cpu.stat counts time also without the cpu controller.
void read_cpu(const Group& group, Stats& stats) {
  constexpr uint64_t kNsPerUs = 1000;
  const std::string v2 = read_or_empty(group.v2_directory, "cpu.stat");
  stats.cpu_usage_us = value_of(v2, "usage_usec");
  stats.cpu_user_us = value_of(v2, "user_usec");
  stats.cpu_system_us = value_of(v2, "system_usec");
  stats.cpu_periods = value_of(v2, "nr_periods");
  stats.cpu_throttled_periods = value_of(v2, "nr_throttled");
  stats.cpu_throttled_us = value_of(v2, "throttled_usec");
  const std::string account = group.v1_directory_of("cpuacct");
  if (!stats.cpu_usage_us) {
    stats.cpu_usage_us = divided(read_number(account, "cpuacct.usage"), kNsPerUs);
    stats.cpu_user_us = divided(read_number(account, "cpuacct.usage_user"), kNsPerUs);
    stats.cpu_system_us = divided(read_number(account, "cpuacct.usage_sys"), kNsPerUs);
  }
  for (const std::string& word : split(read_or_empty(account, "cpuacct.usage_percpu"), ' ')) {
    if (const auto value = parse_uint(word)) stats.cpu_each_ns.push_back(*value);
  }
  // "cpu user system", then a line each.
  for (const std::string& line : split(read_or_empty(account, "cpuacct.usage_all"), '\n')) {
    const auto words = split(line, ' ');
    const auto user = words.size() == 3 ? parse_uint(words[1]) : Result<uint64_t>(not_found(""));
    if (!user) continue;
    stats.cpu_each_user_ns.push_back(*user);
    stats.cpu_each_kernel_ns.push_back(parse_uint(words[2]).value_or(0));
  }
  const std::string time = group.v1_directory_of("cpu");
  if (!time.empty()) {
    const std::string v1 = read_or_empty(time, "cpu.stat");
    stats.cpu_periods = value_of(v1, "nr_periods");
    stats.cpu_throttled_periods = value_of(v1, "nr_throttled");
    stats.cpu_throttled_us = divided(value_of(v1, "throttled_time"), kNsPerUs);
  }
}

std::vector<uint64_t> read_list(const std::string& directory, const char* file) {
  std::vector<uint64_t> numbers;
  for (const std::string& range : split(read_or_empty(directory, file), ',')) {
    const size_t dash = range.find('-');
    const auto first = parse_uint(range.substr(0, dash));
    const auto last = parse_uint(range.substr(dash == std::string::npos ? 0 : dash + 1));
    for (uint64_t number = first ? *first : 1; first && last && number <= *last; ++number)
      numbers.push_back(number);
  }
  return numbers;
}

std::optional<CpusetUse> read_cpuset(const std::string& directory) {
  if (directory.empty()) return std::nullopt;
  CpusetUse use;
  use.cpus = read_list(directory, "cpuset.cpus");
  use.mems = read_list(directory, "cpuset.mems");
  for (const char* name :
       {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
        "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"}) {
    const auto value = parse_int(read_or_empty(directory, (std::string("cpuset.") + name).c_str()));
    if (value) use.switches.emplace_back(name, *value);
  }
  return use;
}

bool parse_device(std::string_view text, IoCount& count) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto major = parse_int(text.substr(0, colon));
  const auto minor = parse_int(text.substr(colon + 1));
  if (!major || !minor) return false;
  count.major = *major;
  count.minor = *minor;
  return true;
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
std::vector<IoTable> read_io_v2(const std::string& directory) {
  IoTable bytes = {"io_service_bytes", {}};
  IoTable operations = {"io_serviced", {}};
  for (const std::string& line : split(read_or_empty(directory, "io.stat"), '\n')) {
    const auto words = split(line, ' ');
    IoCount count;
    if (!parse_device(words[0], count)) continue;
    for (const std::string& word : words) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) continue;
      const std::string key = word.substr(0, equals);
      count.value = number_of(std::string_view(word).substr(equals + 1)).value_or(0);
      count.operation = key.starts_with('r') ? "Read" : "Write";
      if (key == "rbytes" || key == "wbytes") bytes.counts.push_back(count);
      if (key == "rios" || key == "wios") operations.counts.push_back(count);
    }
  }
  return {std::move(bytes), std::move(operations)};
}

// "8:0 Read 4096"; time and sectors have no operation: "8:0 4096"
std::vector<IoCount> read_io_file(const std::string& directory, const std::string& file) {
  std::vector<IoCount> counts;
  for (const std::string& line : split(read_or_empty(directory, file.c_str()), '\n')) {
    const auto words = split(line, ' ');
    IoCount count;
    if (words.size() < 2 || words.size() > 3 || !parse_device(words[0], count)) continue;
    if (words.size() == 3) count.operation = words[1];
    count.value = number_of(words.back()).value_or(0);
    counts.push_back(std::move(count));
  }
  return counts;
}

// Who schedules a disk counts what is done to it: BFQ, CFQ of old kernels, else what throttles it.
std::vector<IoTable> read_io_v1(const std::string& directory) {
  std::vector<IoTable> tables;
  for (const char* policy : {"blkio.bfq.", "blkio.", "blkio.throttle."}) {
    for (const char* name : {"io_service_bytes", "io_serviced", "io_queued", "io_service_time",
                             "io_wait_time", "io_merged", "time", "sectors"}) {
      auto counts = read_io_file(directory, std::string(policy) + name + "_recursive");
      if (!counts.empty()) tables.push_back({name, std::move(counts)});
    }
    if (!tables.empty()) break;
  }
  return tables;
}

// "hugetlb.2MB.current", on v1 "hugetlb.2MB.usage_in_bytes"; those of reservations have one name more.
void read_huge_pages(const Group& group, Stats& stats) {
  const std::string v1 = group.v1_directory_of("hugetlb");
  const std::string& directory = v1.empty() ? group.v2_directory : v1;
  const char* current = v1.empty() ? "current" : "usage_in_bytes";
  const auto names = list_directory(directory);
  if (directory.empty() || !names) return;
  for (const std::string& name : *names) {
    const auto parts = split(name, '.');
    if (parts.size() != 3 || parts[0] != "hugetlb" || parts[2] != current) continue;
    const std::string file = "hugetlb." + parts[1];
    HugePageUse use;
    use.size = parts[1];
    use.usage = read_number(directory, name.c_str()).value_or(0);
    use.peak = read_number(directory, (file + ".max_usage_in_bytes").c_str());
    const Number failures = v1.empty() ? value_of(read_or_empty(directory, (file + ".events").c_str()), "max")
                                       : read_number(directory, (file + ".failcnt").c_str());
    use.failures = failures.value_or(0);
    stats.huge_pages.push_back(std::move(use));
  }
}

// "some avg10=1.23 avg60=... avg300=... total=42"
std::optional<double> parse_percent(std::string_view text) {
  const size_t dot = text.find('.');
  const auto whole = parse_uint(text.substr(0, dot));
  if (!whole) return std::nullopt;
  double value = static_cast<double>(*whole);
  if (dot == std::string_view::npos) return value;
  const std::string_view digits = text.substr(dot + 1);
  const auto fraction = parse_uint(digits);
  if (!fraction) return std::nullopt;
  return value + static_cast<double>(*fraction) / std::pow(10.0, static_cast<double>(digits.size()));
}

std::optional<Pressure> read_pressure(const std::string& directory, const char* file) {
  const std::string text = read_or_empty(directory, file);
  if (text.empty()) return std::nullopt;
  Pressure pressure;
  for (const std::string& line : split(text, '\n')) {
    PressureLine& values = line.starts_with("full ") ? pressure.full : pressure.some;
    for (const std::string& word : split(line, ' ')) {
      const std::string_view view = word;
      const std::string_view value = view.substr(std::min(view.size(), view.find('=') + 1));
      if (view.starts_with("avg10=")) values.avg10 = parse_percent(value).value_or(0);
      if (view.starts_with("avg60=")) values.avg60 = parse_percent(value).value_or(0);
      if (view.starts_with("avg300=")) values.avg300 = parse_percent(value).value_or(0);
      if (view.starts_with("total=")) values.total_us = number_of(value).value_or(0);
    }
  }
  return pressure;
}

bool exists(const Group& group) {
  if (!group.v2_directory.empty()) return path_exists(group.v2_directory);
  return !group.v1.empty() && path_exists(group.v1.front().directory);
}

}  // namespace

Number Stats::memory_working_set() const {
  if (!memory_usage) return std::nullopt;
  return *memory_usage - std::min(*memory_usage, memory_inactive_file.value_or(0));
}

Result<Stats> read_stats(const Group& group) {
  if (!exists(group)) return not_found("no cgroup " + printable(group.path));
  Stats stats;
  const std::string memory = group.v1_directory_of("memory");
  if (memory.empty()) {
    read_memory_v2(group.v2_directory, stats);
  } else {
    read_memory_v1(memory, stats);
  }
  read_cpu(group, stats);
  const std::string pids_v1 = group.v1_directory_of("pids");
  const std::string& pids = pids_v1.empty() ? group.v2_directory : pids_v1;
  stats.pids = read_number(pids, "pids.current");
  stats.pids_limit = read_number(pids, "pids.max");
  const std::string block = group.v1_directory_of("blkio");
  stats.io_tables = block.empty() ? read_io_v2(group.v2_directory) : read_io_v1(block);
  stats.cpuset = read_cpuset(group.v1_directory_of("cpuset"));
  read_huge_pages(group, stats);
  stats.cpu_pressure = read_pressure(group.v2_directory, "cpu.pressure");
  stats.memory_pressure = read_pressure(group.v2_directory, "memory.pressure");
  stats.io_pressure = read_pressure(group.v2_directory, "io.pressure");
  return stats;
}

}  // namespace cgroups
