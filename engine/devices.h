// Devices of a container: --device, --device-cgroup-rule, the default access rules, and --privileged's all of
// them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroups/resources.h"
#include "runtime/spec.h"

namespace engine {

struct DeviceOption {
  std::string host;
  std::string container;
  std::string access = "rwm";
};
// HOST[:CTR][:rwm]. kInvalid in Docker's words.
Result<DeviceOption> parse_device(const std::string& text);

// A device as node and rule.
struct DeviceGrant {
  runtime::Device node;
  cgroups::DeviceRule rule;
};
// The device at option.host, or, when it is a directory, all devices below it. stat(2) follows links, as
// /dev/disk/by-id needs. kInvalid in Docker's words when there is none.
Result<std::vector<DeviceGrant>> find_devices(const DeviceOption& option);
// Every device node of the host's /dev, without pts, shm and console, for --privileged.
Result<std::vector<runtime::Device>> host_devices();

// "c 1:3 rwm", "b *:* m", as --device-cgroup-rule has it. kInvalid in Docker's words.
Result<cgroups::DeviceRule> parse_device_rule(const std::string& text);
// Deny all, then what every container needs: null zero full random urandom tty console ptmx pts, and mknod of
// anything (which the missing capability forbids anyway).
std::vector<cgroups::DeviceRule> default_device_rules();
cgroups::DeviceRule allow_all_devices();

// The device number behind "/dev/sda" for I/O limits: major, minor. kInvalid when it is no block device.
struct DeviceNumber {
  int64_t major = 0;
  int64_t minor = 0;
};
Result<DeviceNumber> block_device_number(const std::string& path);

}  // namespace engine
