// What the user asked for: the typed result of the options of `run` and `create`, before the image is known.
// The command line fills it; nothing here has been looked up. Values that have a grammar of their own (-v,
// --device, --ulimit, ...) stay text: engine parses them, so that every front end shares one parser. It is
// kept in record.json as it is, so that `start` builds the same container again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace engine {

enum class PullPolicy { kMissing, kNever, kAlways };

// Limits in bytes, microseconds and CPUs as Docker's options give them; an absent one is not limited.
struct Limits {
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> memory_swap_bytes;  // memory + swap; -1 unlimited
  std::optional<int64_t> memory_reservation_bytes;
  std::optional<int64_t> memory_swappiness;
  bool oom_kill_disable = false;
  std::optional<int64_t> nano_cpus;  // --cpus 1.5 is 1500000000
  std::optional<int64_t> cpu_shares;
  std::optional<int64_t> cpu_quota_us;
  std::optional<int64_t> cpu_period_us;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::optional<int64_t> pids_limit;  // absent: kDefaultPidsLimit; 0 or -1: unlimited
  std::optional<int64_t> blkio_weight;
  std::vector<std::string> device_read_bps;  // "/dev/sda:1mb"
  std::vector<std::string> device_write_bps;
  std::vector<std::string> device_read_iops;  // "/dev/sda:1000"
  std::vector<std::string> device_write_iops;
};

inline constexpr int64_t kDefaultPidsLimit = 4096;
inline constexpr int64_t kDefaultShmBytes = 64 << 20;
inline constexpr int kDefaultStopTimeoutS = 10;
inline constexpr int64_t kMinimumMemoryBytes = 6 << 20;

struct RunRequest {
  // identity
  std::string image;  // reference, image id or unique prefix of one
  std::vector<std::string> command;
  std::string name;  // empty: a random adjective_surname
  std::map<std::string, std::string> labels;
  PullPolicy pull = PullPolicy::kMissing;
  std::string platform;

  // process
  std::optional<std::string> entrypoint;  // "" clears the image's
  std::vector<std::string> env;           // -e in order: "K=V", or "K": taken from the caller's environment
  std::vector<std::string> env_files;     // paths, read by engine before env
  std::string user;                       // "", NAME, UID, NAME:GROUP, UID:GID, ...
  std::vector<std::string> group_add;
  std::string workdir;
  bool tty = false;
  bool interactive = false;
  bool detach = false;
  // -a: some of "stdin", "stdout", "stderr"; empty: stdout and stderr, and stdin with -i
  std::vector<std::string> attach;
  bool sig_proxy = true;    // not kept in the record, as detach_keys
  std::string detach_keys;  // empty: ctrl-p,ctrl-q
  bool remove = false;      // --rm
  bool init = false;
  std::string stop_signal;  // empty: the image's, else TERM
  std::optional<int> stop_timeout_s;
  std::optional<int> oom_score_adj;
  std::vector<std::string> ulimits;  // "nofile=1024:2048"

  // names and files
  std::string hostname;  // empty: the first 12 digits of the id
  std::string domainname;
  std::vector<std::string> volumes;  // -v HOST:CTR[:opts], NAME:CTR[:opts], CTR
  std::vector<std::string> mounts;   // --mount type=bind,src=...
  std::vector<std::string> tmpfs;    // "/run:size=64m"
  std::optional<int64_t> shm_bytes;
  bool read_only = false;
  std::vector<std::string> devices;  // HOST[:CTR[:rwm]]
  std::vector<std::string> device_cgroup_rules;
  std::vector<std::string> extra_hosts;  // "name:ip"
  std::vector<std::string> dns;
  std::vector<std::string> dns_search;
  std::vector<std::string> dns_options;

  // namespaces: "" is the default (a new one, except network: none), "host", "container:X", ...
  std::string pid_mode;
  std::string ipc_mode;
  std::string uts_mode;
  std::string network_mode;
  std::string cgroupns_mode;
  std::string userns_mode;

  // security
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  bool privileged = false;
  std::vector<std::string> security_opts;
  std::map<std::string, std::string> sysctls;

  // limits
  Limits limits;
  std::string cgroup_parent;

  // logs
  std::string log_driver;                       // "" and "json-file", "none"
  std::map<std::string, std::string> log_opts;  // max-size, max-file
};

// Checks what needs neither image nor host directory, in Docker's words: name, memory minimum, range of
// --cpus, options that exclude each other. kInvalid with the message as Docker prints it.
Result<void> check_request(const RunRequest& request, int host_cpus);

// record.json's "request" member. read_request(write_request(r)) gives r; unknown members are kInvalid.
Result<RunRequest> read_request(const JsonView& document);
Json write_request(const RunRequest& request);

}  // namespace engine
