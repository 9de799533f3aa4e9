#include "engine/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"

namespace engine {

namespace {

constexpr int kDeepestDevice = 8;

bool is_access(const std::string& text) {
  std::string sorted = text;
  std::sort(sorted.begin(), sorted.end());
  return !text.empty() && text.find_first_not_of("rwm") == std::string::npos &&
         std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

bool is_device(const struct stat& status) {
  return S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
}

runtime::Device device_at(const std::string& path, const struct stat& status) {
  constexpr mode_t kPermissions = 07777;
  runtime::Device device;
  device.type = S_ISBLK(status.st_mode) ? 'b' : 'c';
  device.path = path;
  device.major = major(status.st_rdev);
  device.minor = minor(status.st_rdev);
  device.mode = status.st_mode & kPermissions;
  device.uid = status.st_uid;
  device.gid = status.st_gid;
  return device;
}

// All device nodes below `directory`; `skip` names entries of it that are left out.
void walk_devices(const std::string& host, const std::string& container, int depth,
                  std::vector<runtime::Device>& devices) {
  static constexpr std::array kSkipped = {"/dev/pts",       "/dev/shm", "/dev/fd",   "/dev/mqueue",
                                          "/dev/console",   "/dev/tty", "/dev/.lxc", "/dev/ptmx",
                                          "/dev/hugepages", "/dev/core"};
  const auto names = list_directory(host);
  if (!names || depth > kDeepestDevice) return;
  for (const auto& name : *names) {
    const std::string path = host + "/" + name;
    struct stat status = {};
    if (std::find(kSkipped.begin(), kSkipped.end(), path) != kSkipped.end()) continue;
    if (::lstat(path.c_str(), &status) < 0) continue;
    if (S_ISDIR(status.st_mode)) walk_devices(path, container + "/" + name, depth + 1, devices);
    if (is_device(status)) devices.push_back(device_at(container + "/" + name, status));
  }
}

cgroups::DeviceRule rule_of(const runtime::Device& device, const std::string& access) {
  return {.allow = true, .type = device.type, .major = device.major, .minor = device.minor, .access = access};
}

Result<std::optional<int64_t>> parse_device_part(const std::string& text, const std::string& whole) {
  if (text == "*") return std::optional<int64_t>();
  const auto number = parse_uint(text);
  if (!number || *number > UINT32_MAX) return invalid("invalid device cgroup format '" + whole + "'");
  return std::optional<int64_t>(static_cast<int64_t>(*number));
}

}  // namespace

Result<DeviceOption> parse_device(const std::string& text) {
  const auto parts = split(text, ':');
  DeviceOption option;
  const bool has_empty =
      std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); });
  if (has_empty || parts.size() > 3) return invalid("invalid device specification: " + text);
  option.host = parts[0];
  option.container = parts[0];
  if (parts.size() == 3) {
    option.container = parts[1];
    option.access = parts[2];
  } else if (parts.size() == 2) {
    (is_access(parts[1]) ? option.access : option.container) = parts[1];
  }
  if (!is_access(option.access)) return invalid("invalid device mode: " + option.access);
  if (!option.host.starts_with('/') || !option.container.starts_with('/'))
    return invalid("invalid device specification: " + text + ": paths must be absolute");
  return option;
}

Result<std::vector<DeviceGrant>> find_devices(const DeviceOption& option) {
  const std::string what =
      "error gathering device information while adding custom device \"" + option.host + "\": ";
  struct stat status = {};
  if (::stat(option.host.c_str(), &status) < 0) return invalid(what + to_lower(errno_text(errno)));
  std::vector<runtime::Device> devices;
  if (is_device(status)) devices.push_back(device_at(option.container, status));
  if (S_ISDIR(status.st_mode)) walk_devices(option.host, option.container, 0, devices);
  if (devices.empty()) return invalid(what + "not a device node");
  std::vector<DeviceGrant> grants;
  grants.reserve(devices.size());
  for (auto& device : devices)
    grants.push_back({device, rule_of(device, option.access)});
  return grants;
}

Result<std::vector<runtime::Device>> host_devices() {
  std::vector<runtime::Device> devices;
  walk_devices("/dev", "/dev", 0, devices);
  return devices;
}

Result<cgroups::DeviceRule> parse_device_rule(const std::string& text) {
  const Error bad = invalid("invalid device cgroup format '" + text + "'");
  const auto words = split(text, ' ');
  if (words.size() != 3 || words[0].size() != 1 || !is_access(words[2])) return bad;
  if (std::string("abc").find(words[0]) == std::string::npos) return bad;
  const auto numbers = split(words[1], ':');
  if (numbers.size() != 2) return bad;
  cgroups::DeviceRule rule;
  rule.allow = true;
  rule.type = words[0][0];
  rule.major = TRY(parse_device_part(numbers[0], text));
  rule.minor = TRY(parse_device_part(numbers[1], text));
  rule.access = words[2];
  return rule;
}

cgroups::DeviceRule allow_all_devices() {
  return {.allow = true, .type = 'a', .access = "rwm"};
}

std::vector<cgroups::DeviceRule> default_device_rules() {
  std::vector<cgroups::DeviceRule> rules;
  rules.push_back({.allow = false, .type = 'a', .access = "rwm"});
  rules.push_back({.allow = true, .type = 'c', .access = "m"});
  rules.push_back({.allow = true, .type = 'b', .access = "m"});
  const auto allow = [&](int64_t major_number, std::optional<int64_t> minor_number) {
    rules.push_back(
        {.allow = true, .type = 'c', .major = major_number, .minor = minor_number, .access = "rwm"});
  };
  constexpr int64_t kMemory = 1;  // null 3, zero 5, full 7, random 8, urandom 9
  for (const int64_t number : {3, 5, 7, 8, 9})
    allow(kMemory, number);
  constexpr int64_t kTerminals = 5;  // tty 0, console 1, ptmx 2
  for (const int64_t number : {0, 1, 2})
    allow(kTerminals, number);
  constexpr int64_t kPseudoTerminals = 136;
  allow(kPseudoTerminals, std::nullopt);
  return rules;
}

Result<DeviceNumber> block_device_number(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) < 0) return invalid(path + ": " + to_lower(errno_text(errno)));
  if (!S_ISBLK(status.st_mode)) return invalid(path + ": not a block device");
  return DeviceNumber{major(status.st_rdev), minor(status.st_rdev)};
}

}  // namespace engine
