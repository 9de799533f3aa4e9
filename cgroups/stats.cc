#include "cgroups/stats.h"

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

void read_memory_v1(const std::string& directory, Stats& stats) {
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
  const std::string time = group.v1_directory_of("cpu");
  if (!time.empty()) {
    const std::string v1 = read_or_empty(time, "cpu.stat");
    stats.cpu_periods = value_of(v1, "nr_periods");
    stats.cpu_throttled_periods = value_of(v1, "nr_throttled");
    stats.cpu_throttled_us = divided(value_of(v1, "throttled_time"), kNsPerUs);
  }
}

bool parse_device(std::string_view text, IoUse& use) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto major = parse_int(text.substr(0, colon));
  const auto minor = parse_int(text.substr(colon + 1));
  if (!major || !minor) return false;
  use.major = *major;
  use.minor = *minor;
  return true;
}

IoUse& use_of(const IoUse& device, std::vector<IoUse>& io) {
  for (IoUse& use : io) {
    if (use.major == device.major && use.minor == device.minor) return use;
  }
  io.push_back(device);
  return io.back();
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
void read_io_v2(const std::string& directory, Stats& stats) {
  for (const std::string& line : split(read_or_empty(directory, "io.stat"), '\n')) {
    const auto words = split(line, ' ');
    IoUse use;
    if (!parse_device(words[0], use)) continue;
    for (const std::string& word : words) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) continue;
      const std::string key = word.substr(0, equals);
      const uint64_t value = number_of(std::string_view(word).substr(equals + 1)).value_or(0);
      if (key == "rbytes") use.read_bytes = value;
      if (key == "wbytes") use.write_bytes = value;
      if (key == "rios") use.reads = value;
      if (key == "wios") use.writes = value;
    }
    stats.io.push_back(use);
  }
}

// "8:0 Read 4096"
void read_io_v1(const std::string& directory, const char* file, bool is_bytes, Stats& stats) {
  for (const std::string& line : split(read_or_empty(directory, file), '\n')) {
    const auto words = split(line, ' ');
    IoUse device;
    if (words.size() != 3 || !parse_device(words[0], device)) continue;
    IoUse& use = use_of(device, stats.io);
    const uint64_t value = number_of(words[2]).value_or(0);
    if (words[1] == "Read") (is_bytes ? use.read_bytes : use.reads) = value;
    if (words[1] == "Write") (is_bytes ? use.write_bytes : use.writes) = value;
  }
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
    const bool is_full = line.rfind("full ", 0) == 0;
    for (const std::string& word : split(line, ' ')) {
      const std::string_view view = word;
      if (view.substr(0, 6) == "avg10=") {
        (is_full ? pressure.full_avg10 : pressure.some_avg10) = parse_percent(view.substr(6)).value_or(0);
      }
      if (view.substr(0, 6) == "total=") {
        (is_full ? pressure.full_total_us : pressure.some_total_us) = number_of(view.substr(6)).value_or(0);
      }
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
  if (block.empty()) {
    read_io_v2(group.v2_directory, stats);
  } else {
    read_io_v1(block, "blkio.throttle.io_service_bytes_recursive", true, stats);
    read_io_v1(block, "blkio.throttle.io_serviced_recursive", false, stats);
  }
  read_huge_pages(group, stats);
  stats.cpu_pressure = read_pressure(group.v2_directory, "cpu.pressure");
  stats.memory_pressure = read_pressure(group.v2_directory, "memory.pressure");
  stats.io_pressure = read_pressure(group.v2_directory, "io.pressure");
  return stats;
}

}  // namespace cgroups
