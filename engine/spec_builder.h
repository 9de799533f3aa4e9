// From a container's record to the OCI spec, with Docker's defaults. Pure: what must be looked up on the host
// or in the image stands in SpecInputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cgroups/resources.h"
#include "engine/devices.h"
#include "engine/process_options.h"
#include "engine/record.h"
#include "engine/users.h"
#include "runtime/spec.h"

namespace engine {

inline constexpr const char* kInitPath = "/dev/init";  // where --init's program is bound inside

struct SpecInputs {
  const ContainerRecord* record = nullptr;
  ContainerUser user;
  SecurityOptions security;
  std::vector<runtime::Rlimit> rlimits;
  cgroups::Resources resources;      // limits; device rules are added here
  std::vector<DeviceGrant> devices;  // --device
  std::vector<cgroups::DeviceRule> device_rules;
  std::vector<runtime::Device> host_devices;  // with --privileged
  std::map<std::string, std::string> joined;  // namespace type -> /proc/PID/ns/x, for container:X
  security::CapabilityMask host_capabilities = 0;
  unsigned kernel_major = 6;
  unsigned kernel_minor = 1;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string run_directory;  // holds hosts, hostname, resolv.conf
  std::string init_program;   // of --init, on the host
  std::string cgroups_path;
  uint32_t console_rows = 0;  // of the caller's terminal; 0: unknown
  uint32_t console_columns = 0;
};

// kInvalid for capabilities and security profiles that do not parse, kUnsupported for a capability asked for
// by name that this machine does not give us.
Result<runtime::Spec> build_spec(const SpecInputs& inputs);

// The capabilities of the container's root: what was asked for, of what this machine gives us.
Result<security::CapabilityMask> container_capabilities(const RunRequest& request,
                                                        security::CapabilityMask host_capabilities);

// How a namespace is shared, from a mode of the request.
enum class Sharing { kOwn, kHost, kContainer };
Sharing sharing_of(const std::string& mode);
// X of "container:X"; empty otherwise.
std::string container_of(const std::string& mode);

}  // namespace engine
