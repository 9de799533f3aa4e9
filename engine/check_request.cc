#include <array>
#include <string_view>

#include "base/process.h"
#include "base/strings.h"
#include "engine/devices.h"
#include "engine/limits.h"
#include "engine/names.h"
#include "engine/process_options.h"
#include "engine/run.h"

namespace engine {

namespace {

// "" and the given words, or "container:NAME".
Result<void> check_mode(const std::string& mode, const std::vector<std::string>& words,
                        const std::string& error) {
  if (mode.empty()) return ok();
  for (const auto& word : words) {
    const bool is_prefix = word.ends_with(':');
    if (is_prefix ? mode.starts_with(word) && mode.size() > word.size() : mode == word) return ok();
  }
  return invalid(error);
}

Result<void> check_modes(const RunRequest& request) {
  TRY(check_mode(request.pid_mode, {"host", "private", "container:"}, "--pid: invalid PID mode"));
  TRY(check_mode(request.ipc_mode, {"host", "private", "shareable", "none", "container:"},
                 "invalid IPC mode: " + request.ipc_mode));
  TRY(check_mode(request.uts_mode, {"host", "private"}, "--uts: invalid UTS mode"));
  TRY(check_mode(request.cgroupns_mode, {"host", "private"}, "--cgroupns: invalid CGROUP mode"));
  TRY(check_mode(request.userns_mode, {"host"}, "--userns: invalid USER mode"));
  if (request.uts_mode == "host" && !request.hostname.empty())
    return invalid("conflicting options: hostname and the UTS mode");
  if (request.uts_mode == "host" && !request.domainname.empty())
    return invalid("conflicting options: domainname and the UTS mode");
  if (request.network_mode.starts_with("container:") && !request.hostname.empty())
    return invalid("conflicting options: hostname and the network mode");
  return check_mode(request.network_mode, {"none", "host", "container:"},
                    "network " + request.network_mode + " not found");
}

// A host name as sethostname(2) and other programs take it.
Result<void> check_hostname(const std::string& name, const char* what) {
  constexpr size_t kLongest = 63;  // UTS_LEN - 1
  const std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  if (name.size() <= kLongest && name.find_first_not_of(allowed) == std::string::npos &&
      !name.starts_with('-'))
    return ok();
  return invalid("invalid " + std::string(what) + ": " + printable(name));
}

Result<void> check_numbers(const RunRequest& request) {
  constexpr int kLowestScore = -1000;
  constexpr int kHighestScore = 1000;
  const int score = request.oom_score_adj.value_or(0);
  if (score < kLowestScore || score > kHighestScore)
    return invalid("Invalid value " + std::to_string(score) + ", range for oom score adj is [-1000, 1000]");
  if (request.shm_bytes.value_or(kDefaultShmBytes) < 0) return invalid("SHM size can not be less than 0");
  if (request.stop_timeout_s.value_or(0) < -1) return invalid("invalid stop timeout");
  return ok();
}

Result<void> check_logs(const RunRequest& request) {
  static constexpr std::array<std::string_view, 4> kDrivers = {"", "json-file", "local", "none"};
  bool known = false;
  for (const auto driver : kDrivers)
    known = known || request.log_driver == driver;
  if (!known) {
    return invalid("logger: no log driver named '" + request.log_driver +
                   "' is registered (vial has json-file, local and none)");
  }
  for (const auto& [key, value] : request.log_opts) {
    if (key != "max-size" && key != "max-file")
      return invalid("unknown log opt '" + key + "' for " +
                     (request.log_driver.empty() ? "json-file" : request.log_driver) + " log driver");
  }
  return ok();
}

Result<void> check_texts(const RunRequest& request) {
  if (!request.name.empty()) TRY(check_name(bare_name(request.name)));
  TRY(check_hostname(request.hostname, "hostname"));
  TRY(check_hostname(request.domainname, "domainname"));
  if (!request.stop_signal.empty()) TRY(parse_signal(request.stop_signal));
  for (const auto& text : request.ulimits)
    TRY(parse_ulimit(text));
  for (const auto& text : request.devices)
    TRY(parse_device(text));
  for (const auto& text : request.device_cgroup_rules)
    TRY(parse_device_rule(text));
  for (const auto& host : request.extra_hosts) {
    if (host.find(':') == std::string::npos || host.starts_with(':') || host.ends_with(':'))
      return invalid("bad format for add-host: \"" + host + "\"");
  }
  for (const auto& stream : request.attach) {
    if (stream != "stdin" && stream != "stdout" && stream != "stderr")
      return invalid("invalid argument \"" + stream +
                     "\" for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR");
  }
  return ok();
}

}  // namespace

Result<void> check_request(const RunRequest& request, int host_cpus) {
  TRY(check_texts(request));
  TRY(check_modes(request));
  TRY(check_numbers(request));
  TRY(check_limits(request.limits, host_cpus));
  TRY(check_logs(request));
  if (request.detach && !request.attach.empty()) return invalid("conflicting options: -a and -d");
  return ok();
}

}  // namespace engine
