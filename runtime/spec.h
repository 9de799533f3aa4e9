// The OCI runtime spec (config.json, 1.3) as structs: parsed once by spec_read, never JSON after that.
// Vocabulary and units are the spec's; members that belong to a mechanism have the type of that mechanism's
// room.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cgroups/resources.h"
#include "namespaces/mounts.h"
#include "namespaces/ns_set.h"
#include "security/capabilities.h"
#include "security/seccomp_spec.h"

namespace runtime {

inline constexpr const char* kSpecVersion = "1.3.0";

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::optional<uint32_t> umask;
  std::vector<uint32_t> additional_gids;
};

struct Rlimit {
  std::string type;   // "RLIMIT_NOFILE"
  uint64_t soft = 0;  // UINT64_MAX: unlimited
  uint64_t hard = 0;
  // Set for defaults of ours: when the hard limit can't be raised (no CAP_SYS_RESOURCE) the present one is
  // kept with a warning. What the user asked for fails instead.
  bool best_effort = false;
};

struct Scheduler {
  std::string policy;  // "SCHED_OTHER"
  int32_t nice = 0;
  int32_t priority = 0;
  std::vector<std::string> flags;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};

struct IoPriority {
  std::string io_class;  // "IOPRIO_CLASS_BE"
  int priority = 0;
};

struct Process {
  bool terminal = false;
  uint32_t console_height = 0;  // rows; 0: not given
  uint32_t console_width = 0;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd = "/";
  std::optional<security::CapabilitySets> capabilities;  // absent: those of the caller
  std::vector<std::string> unknown_capabilities;         // names in them that this build can't grant
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::string cpu_affinity_initial;  // execCPUAffinity
  std::string cpu_affinity_final;
};

struct Root {
  std::string path;  // relative to the bundle, or absolute
  bool readonly = false;
};

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<int64_t> timeout_s;
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

struct Device {
  char type = 'c';  // 'c', 'b', 'u' (= 'c') or 'p'
  std::string path;
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
};

struct NetDevice {
  std::string host_name;
  std::string container_name;
};

struct TimeOffset {
  std::string clock;  // "boottime" or "monotonic"
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
};

struct Linux {
  std::vector<namespaces::Namespace> namespaces;
  std::vector<namespaces::IdMap> uid_mappings;
  std::vector<namespaces::IdMap> gid_mappings;
  std::vector<TimeOffset> time_offsets;
  std::vector<Device> devices;
  std::vector<NetDevice> net_devices;
  std::string cgroups_path;
  cgroups::Resources resources;
  std::map<std::string, std::string> sysctl;
  std::optional<security::SeccompFilterSpec> seccomp;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string rootfs_propagation;
  std::string mount_label;
  std::string personality_domain;  // "LINUX", "LINUX32"
  std::string memory_policy_mode;
  std::string memory_policy_nodes;
  std::vector<std::string> memory_policy_flags;
};

struct Spec {
  std::string oci_version = kSpecVersion;
  Process process;
  Root root;
  std::string hostname;
  std::string domainname;
  std::vector<namespaces::Mount> mounts;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux os;
};

// config.json -> Spec. Errors: kInvalid with the JSON pointer of the wrong member, kUnsupported for an
// ociVersion whose major is not 1. Unknown members are ignored, as the spec wants.
Result<Spec> read_spec(const Json& document);
// Spec -> config.json, such that read_spec(write_spec(s)) gives s again.
Json write_spec(const Spec& spec);

}  // namespace runtime
