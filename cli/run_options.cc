#include "cli/run_options.h"

#include "base/file.h"
#include "base/strings.h"
#include "engine/limits.h"
#include "engine/process_options.h"

namespace cli {

namespace {

using enum OptionKind;

Result<void> check_stream(const std::string& word) {
  const std::string stream = to_lower(word);
  if (stream == "stdin" || stream == "stdout" || stream == "stderr") return ok();
  return invalid("valid streams are STDIN, STDOUT and STDERR");
}

Result<void> check_variable(const std::string& text) {
  return text.starts_with('=') ? invalid("invalid environment variable: " + text) : ok();
}

Result<void> check_label(const std::string& text) {
  return text.starts_with('=') ? invalid("invalid label '" + text + "': empty name") : ok();
}

Result<void> check_ulimit(const std::string& text) {
  TRY(engine::parse_ulimit(text));
  return ok();
}

Result<void> check_bytes_rate(const std::string& text) {
  TRY(engine::parse_device_rate(text, true));
  return ok();
}

Result<void> check_rate(const std::string& text) {
  TRY(engine::parse_device_rate(text, false));
  return ok();
}

constexpr OptionSpec kContainerOptions[] = {
    {0, "add-host", kList, "Add a custom host-to-IP mapping (host:ip)"},
    {'a', "attach", kList, "Attach to STDIN, STDOUT or STDERR", nullptr, nullptr, nullptr, check_stream},
    {0, "blkio-weight", kInt, "Block IO (relative weight), between 10 and 1000, or 0 to disable", "uint16"},
    {0, "cap-add", kList, "Add Linux capabilities"},
    {0, "cap-drop", kList, "Drop Linux capabilities"},
    {0, "cgroup-parent", kString, "Optional parent cgroup for the container"},
    {0, "cgroupns", kString, "Cgroup namespace to use (host|private)"},
    {0, "cidfile", kString, "Write the container ID to the file"},
    {0, "cpu-period", kInt, "Limit CPU CFS (Completely Fair Scheduler) period, in microseconds"},
    {0, "cpu-quota", kInt, "Limit CPU CFS (Completely Fair Scheduler) quota, in microseconds"},
    {'c', "cpu-shares", kInt, "CPU shares (relative weight)"},
    {0, "cpus", kDecimal, "Number of CPUs"},
    {0, "cpuset-cpus", kString, "CPUs in which to allow execution (0-3, 0,1)"},
    {0, "cpuset-mems", kString, "MEMs in which to allow execution (0-3, 0,1)"},
    {0, "device", kList, "Add a host device to the container"},
    {0, "device-cgroup-rule", kList, "Add a rule to the cgroup allowed devices list"},
    {0, "device-read-bps", kList, "Limit read rate (bytes per second) from a device", nullptr, nullptr,
     nullptr, check_bytes_rate},
    {0, "device-read-iops", kList, "Limit read rate (IO per second) from a device", nullptr, nullptr, nullptr,
     check_rate},
    {0, "device-write-bps", kList, "Limit write rate (bytes per second) to a device", nullptr, nullptr,
     nullptr, check_bytes_rate},
    {0, "device-write-iops", kList, "Limit write rate (IO per second) to a device", nullptr, nullptr, nullptr,
     check_rate},
    {0, "dns", kList, "Set custom DNS servers"},
    {0, "dns-opt", kList, nullptr, nullptr, nullptr, "dns-option"},
    {0, "dns-option", kList, "Set DNS options"},
    {0, "dns-search", kList, "Set custom DNS search domains"},
    {0, "domainname", kString, "Container NIS domain name"},
    {0, "entrypoint", kString, "Overwrite the default ENTRYPOINT of the image"},
    {'e', "env", kList, "Set environment variables", nullptr, nullptr, nullptr, check_variable},
    {0, "env-file", kList, "Read in a file of environment variables"},
    {0, "group-add", kList, "Add additional groups to join"},
    {'h', "hostname", kString, "Container host name"},
    {0, "init", kFlag, "Run an init inside the container that forwards signals and reaps processes"},
    {'i', "interactive", kFlag, "Keep STDIN open even if not attached"},
    {0, "ipc", kString, "IPC mode to use"},
    {'l', "label", kList, "Set meta data on a container", nullptr, nullptr, nullptr, check_label},
    {0, "label-file", kList, "Read in a line delimited file of labels"},
    {0, "log-driver", kString, "Logging driver for the container (json-file|none)"},
    {0, "log-opt", kList, "Log driver options (max-size, max-file)"},
    {'m', "memory", kSize, "Memory limit"},
    {0, "memory-reservation", kSize, "Memory soft limit"},
    {0, "memory-swap", kSizeOrUnlimited,
     "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"},
    {0, "memory-swappiness", kInt, "Tune container memory swappiness (0 to 100)", nullptr, "-1"},
    {0, "mount", kList, "Attach a filesystem mount to the container", "mount"},
    {0, "name", kString, "Assign a name to the container"},
    {0, "net", kString, nullptr, nullptr, nullptr, "network"},
    {0, "network", kString, "Connect a container to a network (none|host)", "network"},
    {0, "oom-kill-disable", kFlag, "Disable OOM Killer"},
    {0, "oom-score-adj", kInt, "Tune host's OOM preferences (-1000 to 1000)"},
    {0, "pid", kString, "PID namespace to use"},
    {0, "pids-limit", kInt, "Tune container pids limit (set -1 for unlimited; 4096 unless set)"},
    {0, "platform", kString, "Set platform, as os/arch[/variant]"},
    {0, "privileged", kFlag, "Give extended privileges to this container"},
    {0, "pull", kString, "Pull image before running (\"always\", \"missing\", \"never\")", nullptr,
     "missing"},
    {'q', "quiet", kFlag, "Suppress the pull output"},
    {0, "read-only", kFlag, "Mount the container's root filesystem as read only"},
    {0, "rm", kFlag, "Automatically remove the container and its associated anonymous volumes when it exits"},
    {0, "security-opt", kList, "Security Options"},
    {0, "shm-size", kSize, "Size of /dev/shm"},
    {0, "stop-signal", kString, "Signal to stop the container"},
    {0, "stop-timeout", kInt, "Timeout (in seconds) to stop a container"},
    {0, "sysctl", kList, "Sysctl options", "map"},
    {0, "tmpfs", kList, "Mount a tmpfs directory"},
    {'t', "tty", kFlag, "Allocate a pseudo-TTY"},
    {0, "ulimit", kList, "Ulimit options", "ulimit", nullptr, nullptr, check_ulimit},
    {'u', "user", kString, "Username or UID (format: <name|uid>[:<group|gid>])"},
    {0, "userns", kString, "User namespace to use"},
    {0, "uts", kString, "UTS namespace to use"},
    {'v', "volume", kList, "Bind mount a volume"},
    {'w', "workdir", kString, "Working directory inside the container"},
};

using Map = std::map<std::string, std::string>;

// "key=value" or, with an empty value, "key". Later ones win.
Result<void> add_pair(Map& map, const std::string& word, const char* what) {
  const size_t equals = word.find('=');
  const std::string key = word.substr(0, equals);
  if (key.empty()) return invalid(std::string("invalid ") + what + " format: \"" + printable(word) + "\"");
  map[key] = equals == std::string::npos ? "" : word.substr(equals + 1);
  return ok();
}

Result<Map> read_labels(const Options& options) {
  Map labels;
  for (const auto& path : options.list("label-file")) {
    const std::string text = TRY(read_file(path));
    for (const auto& line : split(text, '\n')) {
      const std::string word(trim(line));
      if (!word.empty() && word[0] != '#') TRY(add_pair(labels, word, "label"));
    }
  }
  for (const auto& word : options.list("label"))
    TRY(add_pair(labels, word, "label"));
  return labels;
}

Result<engine::PullPolicy> read_pull_policy(const std::string& text) {
  if (text == "missing" || text.empty()) return engine::PullPolicy::kMissing;
  if (text == "never") return engine::PullPolicy::kNever;
  if (text == "always") return engine::PullPolicy::kAlways;
  return invalid("invalid pull option: '" + printable(text) +
                 "': must be one of \"always\", \"missing\" or \"never\"");
}

Result<std::optional<int>> small_integer(const Options& options, const char* name) {
  const auto value = options.integer(name);
  if (!value) return std::optional<int>();
  if (*value < INT32_MIN || *value > INT32_MAX) {
    return invalid("invalid argument \"" + std::to_string(*value) + "\" for \"--" + name +
                   "\" flag: strconv.ParseInt: parsing \"" + std::to_string(*value) +
                   "\": value out of range");
  }
  return std::optional<int>(static_cast<int>(*value));
}

// Docker takes 0 of these options for "not set".
std::optional<int64_t> unless(std::optional<int64_t> value, int64_t unset) {
  return value == unset ? std::nullopt : value;
}

void read_limits(const Options& options, engine::Limits& limits) {
  limits.memory_bytes = unless(options.size_bytes("memory"), 0);
  limits.memory_swap_bytes = unless(options.size_bytes("memory-swap"), 0);
  limits.memory_reservation_bytes = unless(options.size_bytes("memory-reservation"), 0);
  limits.memory_swappiness = unless(options.integer("memory-swappiness"), -1);
  limits.oom_kill_disable = options.flag("oom-kill-disable");
  limits.nano_cpus = unless(options.billionths("cpus"), 0);
  limits.cpu_shares = unless(options.integer("cpu-shares"), 0);
  limits.cpu_quota_us = unless(options.integer("cpu-quota"), 0);
  limits.cpu_period_us = unless(options.integer("cpu-period"), 0);
  limits.cpuset_cpus = options.string("cpuset-cpus");
  limits.cpuset_mems = options.string("cpuset-mems");
  limits.pids_limit = options.integer("pids-limit");
  limits.blkio_weight = unless(options.integer("blkio-weight"), 0);
  limits.device_read_bps = options.list("device-read-bps");
  limits.device_write_bps = options.list("device-write-bps");
  limits.device_read_iops = options.list("device-read-iops");
  limits.device_write_iops = options.list("device-write-iops");
}

Result<void> read_process(const Options& options, engine::RunRequest& request) {
  if (options.given("entrypoint")) request.entrypoint = options.string("entrypoint");
  request.env = options.list("env");
  request.env_files = options.list("env-file");
  request.user = options.string("user");
  request.group_add = options.list("group-add");
  request.workdir = options.string("workdir");
  request.tty = options.flag("tty");
  request.interactive = options.flag("interactive");
  for (const auto& stream : options.list("attach"))
    request.attach.push_back(to_lower(stream));
  request.remove = options.flag("rm");
  request.init = options.flag("init");
  request.stop_signal = options.string("stop-signal");
  request.stop_timeout_s = TRY(small_integer(options, "stop-timeout"));
  request.oom_score_adj = TRY(small_integer(options, "oom-score-adj"));
  request.ulimits = options.list("ulimit");
  return ok();
}

void read_files(const Options& options, engine::RunRequest& request) {
  request.hostname = options.string("hostname");
  request.domainname = options.string("domainname");
  request.volumes = options.list("volume");
  request.mounts = options.list("mount");
  request.tmpfs = options.list("tmpfs");
  request.shm_bytes = unless(options.size_bytes("shm-size"), 0);
  request.read_only = options.flag("read-only");
  request.devices = options.list("device");
  request.device_cgroup_rules = options.list("device-cgroup-rule");
  request.extra_hosts = options.list("add-host");
  request.dns = options.list("dns");
  request.dns_search = options.list("dns-search");
  request.dns_options = options.list("dns-option");
}

Result<void> read_isolation(const Options& options, engine::RunRequest& request) {
  request.pid_mode = options.string("pid");
  request.ipc_mode = options.string("ipc");
  request.uts_mode = options.string("uts");
  request.network_mode = options.string("network");
  request.cgroupns_mode = options.string("cgroupns");
  request.userns_mode = options.string("userns");
  request.cap_add = options.list("cap-add");
  request.cap_drop = options.list("cap-drop");
  request.privileged = options.flag("privileged");
  request.security_opts = options.list("security-opt");
  request.cgroup_parent = options.string("cgroup-parent");
  for (const auto& word : options.list("sysctl"))
    TRY(add_pair(request.sysctls, word, "sysctl"));
  return ok();
}

}  // namespace

OptionTable container_options() {
  return kContainerOptions;
}

Result<engine::RunRequest> run_request(const Options& options) {
  engine::RunRequest request;
  const auto& words = options.arguments();
  request.image = words.front();
  request.command.assign(words.begin() + 1, words.end());
  request.name = options.string("name");
  request.labels = TRY(read_labels(options));
  request.pull = TRY(read_pull_policy(options.string("pull")));
  request.platform = options.string("platform");
  TRY(read_process(options, request));
  read_files(options, request);
  TRY(read_isolation(options, request));
  read_limits(options, request.limits);
  request.log_driver = options.string("log-driver");
  for (const auto& word : options.list("log-opt"))
    TRY(add_pair(request.log_opts, word, "logging options"));
  return request;
}

}  // namespace cli
