// Limits as the command line gives them, checked in Docker's words and turned into the OCI spec's resources.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cgroups/resources.h"
#include "engine/run.h"

namespace engine {

// "/dev/sda:1mb", or "/dev/sda:1000" where it is no number of bytes. kInvalid with Docker's message.
struct DeviceRate {
  std::string path;
  int64_t rate = 0;
};
Result<DeviceRate> parse_device_rate(const std::string& text, bool in_bytes);

// Pure. kInvalid with Docker's message.
Result<void> check_limits(const Limits& limits, int host_cpus);

// Without device rules. Memory without memory-swap gets the double as memory + swap. Looks up the devices
// that I/O limits name, CPUs and memory nodes: kInvalid for one that is not there.
Result<cgroups::Resources> resources_of(const Limits& limits);

}  // namespace engine
