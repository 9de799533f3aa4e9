#include "cgroups/layout.h"

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/strings.h"

namespace cgroups {
namespace {

// The fields of a /proc/self/mountinfo line that are needed here (proc(5)).
struct CgroupMount {
  std::string root;
  std::string mount_point;
  bool is_v2 = false;
  std::vector<std::string> options;  // of the super block; on v1 the controllers are among them
};

// mountinfo writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  constexpr size_t kEscape = 4;
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + kEscape <= text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += kEscape - 1;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::optional<CgroupMount> parse_mount(std::string_view line) {
  const size_t separator = line.find(" - ");
  if (separator == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kCgroup = " - cgroup";
  if (line.substr(separator, kCgroup.size()) != kCgroup) return std::nullopt;  // most lines, unsplit
  const auto left = split(line.substr(0, separator), ' ');
  const auto right = split(line.substr(separator + 3), ' ');
  constexpr size_t kRoot = 3;
  constexpr size_t kMountPoint = 4;
  if (left.size() <= kMountPoint || right.size() < 3) return std::nullopt;
  if (right[0] != "cgroup" && right[0] != "cgroup2") return std::nullopt;
  CgroupMount mount;
  mount.root = unescape(left[kRoot]);
  mount.mount_point = unescape(left[kMountPoint]);
  mount.is_v2 = right[0] == "cgroup2";
  mount.options = split(right[2], ',');
  return mount;
}

// A hierarchy may be mounted several times; the mount that shows its root is the one to work in.
const CgroupMount* best(const std::vector<const CgroupMount*>& candidates) {
  for (const CgroupMount* mount : candidates) {
    if (mount->root == "/") return mount;
  }
  return candidates.empty() ? nullptr : candidates.front();
}

const CgroupMount* v1_mount_of(const std::vector<CgroupMount>& mounts,
                               const std::vector<std::string>& controllers) {
  std::vector<const CgroupMount*> candidates;
  for (const CgroupMount& mount : mounts) {
    const bool has_all = std::all_of(controllers.begin(), controllers.end(), [&](const std::string& name) {
      return std::find(mount.options.begin(), mount.options.end(), name) != mount.options.end();
    });
    if (!mount.is_v2 && has_all) candidates.push_back(&mount);
  }
  return best(candidates);
}

const CgroupMount* v2_mount_of(const std::vector<CgroupMount>& mounts) {
  std::vector<const CgroupMount*> candidates;
  for (const CgroupMount& mount : mounts) {
    if (mount.is_v2) candidates.push_back(&mount);
  }
  return best(candidates);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  for (std::string& word : split(trim(text), ' ')) {
    if (!word.empty()) result.push_back(std::move(word));
  }
  return result;
}

}  // namespace

const V1Hierarchy* Layout::v1_of(const std::string& controller) const {
  for (const V1Hierarchy& hierarchy : v1) {
    const auto& names = hierarchy.controllers;
    if (std::find(names.begin(), names.end(), controller) != names.end()) return &hierarchy;
  }
  return nullptr;
}

bool Layout::v2_has(const std::string& controller) const {
  return std::find(v2_controllers.begin(), v2_controllers.end(), controller) != v2_controllers.end();
}

Result<Layout> parse_layout(const std::string& mountinfo, const std::string& self_cgroup,
                            const std::string& v2_controllers) {
  std::vector<CgroupMount> mounts;
  // A host may have thousands of mounts: no line is copied before it is known to be of a cgroup.
  for (std::string_view rest = mountinfo; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (auto mount = parse_mount(rest.substr(0, end))) mounts.push_back(std::move(*mount));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  Layout layout;
  if (const CgroupMount* mount = v2_mount_of(mounts)) {
    layout.v2_mount_point = mount->mount_point;
    layout.v2_controllers = words(v2_controllers);
  }
  // Lines are "ID:CONTROLLERS:PATH"; v2's is "0::PATH" (cgroups(7)). The path may hold colons.
  for (const std::string& line : split(self_cgroup, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string own_path = line.substr(second + 1);
    if (controllers.empty()) {
      layout.v2_own_path = own_path;
      continue;
    }
    auto names = split(controllers, ',');
    const CgroupMount* mount = v1_mount_of(mounts, names);
    if (mount != nullptr) layout.v1.push_back({mount->mount_point, std::move(names), own_path});
  }
  if (layout.v1.empty() && layout.v2_mount_point.empty()) {
    return unsupported(
        "no cgroup hierarchy is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup (cgroups(7))");
  }
  return layout;
}

Result<Layout> read_layout() {
  const std::string mountinfo = TRY(read_file("/proc/self/mountinfo"));
  const std::string self_cgroup = TRY(read_file("/proc/self/cgroup"));
  Layout layout = TRY(parse_layout(mountinfo, self_cgroup, ""));
  if (!layout.v2_mount_point.empty()) {
    const std::string controllers = TRY(read_file(layout.v2_mount_point + "/cgroup.controllers"));
    layout.v2_controllers = words(controllers);
  }
  return layout;
}

}  // namespace cgroups
