// update, events: what a container may use, and what it uses.
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/units.h"
#include "cgroups/limits.h"
#include "cgroups/stats.h"
#include "cgroups/systemd_scope.h"
#include "cli/oci/call.h"
#include "cli/output.h"
#include "runtime/spec_read.h"
#include "runtime/state.h"

namespace cli::oci {

namespace {

constexpr OptionSpec kUpdateOptions[] = {
    {'r', "resources", OptionKind::kString, "File with the limits as in config.json; - for standard input",
     "file"},
    {0, "blkio-weight", OptionKind::kInt, "Weight of block I/O, 10 to 1000"},
    {0, "cpu-period", OptionKind::kInt, "Period of the quota", "microseconds"},
    {0, "cpu-quota", OptionKind::kInt, "CPU time in a period", "microseconds"},
    {0, "cpu-burst", OptionKind::kInt, "CPU time that may be saved up", "microseconds"},
    {0, "cpu-idle", OptionKind::kInt, "1: run only when nobody else wants to"},
    {0, "cpu-share", OptionKind::kInt, "Relative weight"},
    {0, "cpu-rt-period", OptionKind::kInt, "Period of real time", "microseconds"},
    {0, "cpu-rt-runtime", OptionKind::kInt, "Real time in a period", "microseconds"},
    {0, "cpuset-cpus", OptionKind::kString, "Processors, as 0-1,3", "list"},
    {0, "cpuset-mems", OptionKind::kString, "Memory nodes", "list"},
    {0, "memory", OptionKind::kSizeOrUnlimited, "Memory, without swap; -1: unlimited"},
    {0, "memory-reservation", OptionKind::kSizeOrUnlimited, "Memory that is reclaimed last"},
    {0, "memory-swap", OptionKind::kSizeOrUnlimited, "Memory and swap together; -1: unlimited"},
    {0, "kernel-memory", OptionKind::kSizeOrUnlimited, "Ignored: the kernel has no such limit any more"},
    {0, "kernel-memory-tcp", OptionKind::kSizeOrUnlimited, "Ignored, too"},
    {0, "pids-limit", OptionKind::kInt, "Processes and threads; -1: unlimited"},
    {0, "l3-cache-schema", OptionKind::kString, "Intel RDT is not supported: an error", "schema"},
    {0, "mem-bw-schema", OptionKind::kString, "Intel RDT is not supported: an error", "schema"},
};

constexpr const char* kUpdateDetails =
    "A file of --resources has the shape of \"linux.resources\" in config.json, see below; what it leaves "
    "out "
    "stays, and the other options are then not looked at.\n\n"
    "Sizes are bytes, or have a unit (64m). 0 means: as it is.";

constexpr OptionSpec kEventsOptions[] = {
    {0, "stats", OptionKind::kFlag, "Print one and end"},
    {0, "interval", OptionKind::kDuration, "Time between two", "duration", "5s"},
};

// The zero of callers that mean "as it is".
template <typename T>
void drop_zero(std::optional<T>& value) {
  if (value && *value == 0) value.reset();
}

void drop_zeros(cgroups::Resources& resources) {
  drop_zero(resources.memory.limit_bytes);
  drop_zero(resources.memory.reservation_bytes);
  drop_zero(resources.memory.swap_bytes);
  drop_zero(resources.cpu.shares);
  drop_zero(resources.cpu.quota_us);
  drop_zero(resources.cpu.period_us);
  drop_zero(resources.cpu.realtime_runtime_us);
  drop_zero(resources.cpu.realtime_period_us);
  drop_zero(resources.block_io.weight);
  drop_zero(resources.pids_limit);
}

Result<std::optional<uint64_t>> unsigned_option(const Options& options, const char* name) {
  const auto value = options.integer(name);
  if (!value) return std::optional<uint64_t>();
  if (*value < 0) return invalid(std::string("--") + name + " must not be negative");
  return std::optional<uint64_t>(static_cast<uint64_t>(*value));
}

Result<cgroups::Resources> typed_resources(const Options& options) {
  cgroups::Resources resources;
  for (const char* name : {"l3-cache-schema", "mem-bw-schema"}) {
    if (options.given(name)) return unsupported(std::string("--") + name + ": Intel RDT is not supported");
  }
  resources.block_io.weight = TRY(unsigned_option(options, "blkio-weight"));
  resources.cpu.period_us = TRY(unsigned_option(options, "cpu-period"));
  resources.cpu.quota_us = options.integer("cpu-quota");
  resources.cpu.burst_us = TRY(unsigned_option(options, "cpu-burst"));
  resources.cpu.idle = options.integer("cpu-idle");
  resources.cpu.shares = TRY(unsigned_option(options, "cpu-share"));
  resources.cpu.realtime_period_us = TRY(unsigned_option(options, "cpu-rt-period"));
  resources.cpu.realtime_runtime_us = options.integer("cpu-rt-runtime");
  resources.cpu.cpus = options.string("cpuset-cpus");
  resources.cpu.mems = options.string("cpuset-mems");
  resources.memory.limit_bytes = options.size_bytes("memory");
  resources.memory.reservation_bytes = options.size_bytes("memory-reservation");
  resources.memory.swap_bytes = options.size_bytes("memory-swap");
  resources.pids_limit = options.integer("pids-limit");
  return resources;
}

Result<cgroups::Resources> wanted_resources(const Options& options) {
  const std::string file = options.string("resources");
  if (file.empty()) return typed_resources(options);
  const std::string text = file == "-" ? TRY(read_fd(STDIN_FILENO)) : TRY(read_file(file));
  const Json document = TRY_IN(printable(file), parse_json(text));
  const JsonView view(document);
  if (!view.is_object()) return Error(view.wrong("not an object")).in(printable(file));
  return TRY_IN(printable(file), runtime::read_resources(view));
}

struct Live {
  runtime::ContainerRecord record;
  runtime::CurrentState state;
};

Result<Live> find_live(const Call& call, const std::string& complaint) {
  const auto directory = TRY(runtime::StateDirectory::open(call.globals.root, call.id()));
  auto record = TRY(directory.read_container());
  Live live;
  live.state = TRY(runtime::current_state(directory, record));
  if (live.state.status == runtime::Status::kStopped || !record) return conflict(complaint);
  live.record = std::move(*record);
  if (live.record.cgroup.path.empty()) return unsupported("the container has no cgroup");
  return live;
}

Result<int> run_update(const Call& call) {
  const Live live = TRY(find_live(call, "container not running"));
  cgroups::Resources resources = TRY(wanted_resources(call.options));
  drop_zeros(resources);
  const cgroups::Layout layout = TRY(cgroups::read_layout());
  resources = TRY(cgroups::complete_limits(layout, live.record.cgroup, std::move(resources)));
  for (const char* name : {"kernel-memory", "kernel-memory-tcp"}) {
    if (call.options.given(name)) call.log.warning("Kernel memory settings are ignored and will be removed");
  }
  TRY(cgroups::update_limits(layout, live.record.cgroup, resources));
  if (live.record.scope.empty()) return 0;
  const bool on_v2 = cgroups::systemd_is_on_v2(layout);
  const std::string io_directory = cgroups::io_directory_of(live.record.cgroup, on_v2);
  TRY(cgroups::update_scope({live.record.scope, resources, on_v2, io_directory}));
  // It has rounded the quota.
  TRY(cgroups::update_limits(layout, live.record.cgroup, resources));
  return 0;
}

void put(Json& object, const char* key, const std::optional<uint64_t>& value) {
  if (value) object[key] = *value;
}

// The members of runc's `events` (types/events.go of containerd/go-runc reads them); what the kernel does not
// tell is left out. CPU times in nanoseconds.
constexpr uint64_t kNsPerUs = 1000;

Json pressure_json(const cgroups::PressureLine& line) {
  return {{"avg10", line.avg10}, {"avg60", line.avg60}, {"avg300", line.avg300}, {"total", line.total_us}};
}

void put_pressure(Json& object, const std::optional<cgroups::Pressure>& pressure) {
  if (pressure)
    object["psi"] = {{"some", pressure_json(pressure->some)}, {"full", pressure_json(pressure->full)}};
}

Json cpu_json(const cgroups::Stats& stats) {
  Json usage = {{"total", stats.cpu_usage_us.value_or(0) * kNsPerUs},
                {"kernel", stats.cpu_system_us.value_or(0) * kNsPerUs},
                {"user", stats.cpu_user_us.value_or(0) * kNsPerUs}};
  if (!stats.cpu_each_ns.empty()) usage["percpu"] = stats.cpu_each_ns;
  if (!stats.cpu_each_user_ns.empty()) {
    usage["percpu_kernel"] = stats.cpu_each_kernel_ns;
    usage["percpu_user"] = stats.cpu_each_user_ns;
  }
  Json throttling = Json::object();
  put(throttling, "periods", stats.cpu_periods);
  put(throttling, "throttledPeriods", stats.cpu_throttled_periods);
  if (stats.cpu_throttled_us) throttling["throttledTime"] = *stats.cpu_throttled_us * kNsPerUs;
  Json json = {{"usage", std::move(usage)}, {"throttling", std::move(throttling)}};
  put_pressure(json, stats.cpu_pressure);
  return json;
}

// All of its members are there on v2, too, which has none of it.
Json cpuset_json(const cgroups::Stats& stats) {
  const cgroups::CpusetUse cpuset = stats.cpuset.value_or(cgroups::CpusetUse());
  Json json = Json::object();
  for (const char* name :
       {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
        "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"})
    json[name] = 0;
  for (const auto& [name, value] : cpuset.switches)
    json[name] = value;
  if (!cpuset.cpus.empty()) json["cpus"] = cpuset.cpus;
  if (!cpuset.mems.empty()) json["mems"] = cpuset.mems;
  return json;
}

// v1's alone; runc has zeros elsewhere.
Json memory_use_json(const std::optional<cgroups::MemoryUse>& use) {
  if (!use) return {{"limit", 0}, {"failcnt", 0}};
  return {{"limit", use->limit}, {"usage", use->usage}, {"max", use->peak}, {"failcnt", use->failures}};
}

Json memory_json(const cgroups::Stats& stats) {
  Json usage = {{"limit", stats.memory_limit.value_or(stats.memory_unlimited)}};
  usage["failcnt"] = stats.memory_failures.value_or(0);
  put(usage, "usage", stats.memory_usage);
  put(usage, "max", stats.memory_peak);
  // Of memory and swap together, whichever the version of cgroups, as readers of runc's have it.
  Json swap = {{"limit", stats.swap_limit.value_or(stats.memory_unlimited)},
               {"failcnt", stats.swap_failures.value_or(0)}};
  if (stats.swap_usage) swap["usage"] = *stats.swap_usage + stats.memory_usage.value_or(0);
  put(swap, "max", stats.swap_peak);
  Json raw = Json::object();
  for (const auto& [name, value] : stats.memory_counters)
    raw[name] = value;
  Json json = {{"usage", std::move(usage)},
               {"swap", std::move(swap)},
               {"kernel", memory_use_json(stats.kernel_memory)},
               {"kernelTCP", memory_use_json(stats.tcp_memory)}};
  for (const char* name : {"file", "cache"}) {  // v2's word, v1's
    if (raw.contains(name)) json["cache"] = raw[name];
  }
  json["raw"] = std::move(raw);
  put_pressure(json, stats.memory_pressure);
  return json;
}

Json block_io_json(const cgroups::Stats& stats) {
  struct Member {
    const char* name;
    const char* table;
  };
  constexpr Member kMembers[] = {{"ioServiceBytesRecursive", "io_service_bytes"},
                                 {"ioServicedRecursive", "io_serviced"},
                                 {"ioQueueRecursive", "io_queued"},
                                 {"ioServiceTimeRecursive", "io_service_time"},
                                 {"ioWaitTimeRecursive", "io_wait_time"},
                                 {"ioMergedRecursive", "io_merged"},
                                 {"ioTimeRecursive", "time"},
                                 {"sectorsRecursive", "sectors"}};
  Json json = Json::object();
  for (const Member& member : kMembers) {
    for (const cgroups::IoTable& table : stats.io_tables) {
      if (table.name != member.table || table.counts.empty()) continue;
      for (const cgroups::IoCount& count : table.counts) {
        Json entry = {{"major", count.major}, {"minor", count.minor}, {"value", count.value}};
        if (!count.operation.empty()) entry["op"] = count.operation;
        json[member.name].push_back(std::move(entry));
      }
    }
  }
  put_pressure(json, stats.io_pressure);
  return json;
}

Json huge_pages_json(const cgroups::Stats& stats) {
  Json sizes = Json::object();
  for (const auto& pages : stats.huge_pages) {
    Json& use = sizes[pages.size];
    use = {{"usage", pages.usage}, {"failcnt", pages.failures}};
    put(use, "max", pages.peak);
  }
  return sizes;
}

Json stats_json(const cgroups::Stats& stats) {
  Json pids = Json::object();
  put(pids, "current", stats.pids);
  put(pids, "limit", stats.pids_limit);
  return {{"cpu", cpu_json(stats)},      {"cpuset", cpuset_json(stats)},  {"memory", memory_json(stats)},
          {"pids", std::move(pids)},     {"blkio", block_io_json(stats)}, {"hugetlb", huge_pages_json(stats)},
          {"intel_rdt", Json::object()}, {"network_interfaces", nullptr}};
}

Result<void> print_stats(const Call& call, const Live& live) {
  const cgroups::Stats stats = TRY(cgroups::read_stats(live.record.cgroup));
  print_line(dump_json({{"type", "stats"}, {"id", call.id()}, {"data", stats_json(stats)}}));
  return ok();
}

// Statistics at every interval and a line for each want of memory, until the container's init has ended.
Result<int> run_events(const Call& call) {
  const Live live = TRY(find_live(call, "container with id " + call.id() + " is not running"));
  if (call.options.flag("stats")) {
    TRY(print_stats(call, live));
    return 0;
  }
  const int64_t interval_ms = call.options.duration_ns("interval").value_or(0) / kMillisecondNs;
  if (interval_ms < 1 || interval_ms > INT32_MAX) return invalid("duration interval must be greater than 0");
  auto watch = cgroups::OomWatch::open(live.record.cgroup);
  uint64_t seen = cgroups::oom_kills(live.record.cgroup).value_or(0);
  for (;;) {
    pollfd entries[] = {{live.state.init_pidfd.get(), POLLIN, 0}, {watch ? watch->fd() : -1, POLLIN, 0}};
    const int ready = ::poll(entries, 2, static_cast<int>(interval_ms));
    if (entries[0].revents != 0) return 0;
    if (ready == 0 && !print_stats(call, live)) return 0;
    if (entries[1].revents == 0) continue;
    watch->drain();
    const uint64_t now = cgroups::oom_kills(live.record.cgroup).value_or(seen);
    if (now != seen) print_line(dump_json({{"type", "oom"}, {"id", call.id()}}));
    seen = now;
  }
}

constexpr OciCommand kCommands[] = {
    {{.names = "update",
      .usage = "[OPTIONS] ID",
      .summary = "Change the limits of a container; what is not named stays",
      .options = {kUpdateOptions},
      .min_arguments = 1,
      .max_arguments = 1,
      .details = kUpdateDetails,
      .examples = "vial-oci update --memory 64m --memory-swap -1 web\n"
                  "echo '{\"pids\": {\"limit\": 100}}' | vial-oci update --resources - web\n"
                  "# The members of a file of --resources\n"
                  "{\"memory\": {\"limit\": 0, \"reservation\": 0, \"swap\": 0},\n"
                  " \"cpu\": {\"shares\": 0, \"quota\": 0, \"period\": 0, \"burst\": 0, \"idle\": 0,\n"
                  "         \"realtimeRuntime\": 0, \"realtimePeriod\": 0, \"cpus\": \"\", \"mems\": \"\"},\n"
                  " \"blockIO\": {\"weight\": 0},\n"
                  " \"pids\": {\"limit\": 0},\n"
                  " \"unified\": {\"memory.high\": \"67108864\"}}",
      .completes = Names::kContainers},
     run_update},
    {{.names = "events",
      .usage = "[OPTIONS] ID",
      .summary = "Print what a container uses, as JSON lines",
      .options = {kEventsOptions},
      .min_arguments = 1,
      .max_arguments = 1,
      .details =
          "A line of type \"stats\" at every interval: processor, memory, processes, block I/O and huge "
          "pages; a line of type \"oom\" when the kernel has killed a process for want of memory. Ends "
          "with the container.",
      .examples = "vial-oci events --stats web",
      .completes = Names::kContainers},
     run_events},
};

}  // namespace

const std::span<const OciCommand> kOciLimitCommands = kCommands;

}  // namespace cli::oci
