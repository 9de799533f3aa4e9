#include "cgroups/layout.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/strings.h"

namespace cgroups {
namespace {

// The fields of a /proc/self/mountinfo line that are needed here (proc(5)), as they stand there.
struct CgroupMount {
  std::string_view root;
  std::string_view mount_point;
  bool is_v2 = false;
  std::string_view options;  // of the super block; on v1 the controllers are among them
};

// Takes the text before `separator` off `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

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
  CgroupMount mount;
  std::string_view left = line.substr(0, separator);
  for (int field = 0; field < 3; ++field)  // id, parent, device
    take(left, ' ');
  mount.root = take(left, ' ');
  mount.mount_point = take(left, ' ');
  std::string_view right = line.substr(separator + 3);
  const std::string_view type = take(right, ' ');
  take(right, ' ');  // source
  mount.options = take(right, ' ');
  if (type != "cgroup" && type != "cgroup2") return std::nullopt;
  if (mount.mount_point.empty() || mount.options.empty()) return std::nullopt;
  mount.is_v2 = type == "cgroup2";
  return mount;
}

bool has_word(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    if (take(list, ',') == wanted) return true;
  }
  return false;
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
    const bool has_all =
        !mount.is_v2 && std::all_of(controllers.begin(), controllers.end(),
                                    [&](const std::string& name) { return has_word(mount.options, name); });
    if (has_all) candidates.push_back(&mount);
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

// The controllers of each hierarchy, "cpu,cpuacct", "name=systemd"; v2's are "". Lines of /proc/self/cgroup
// are "ID:CONTROLLERS:PATH" (cgroups(7)).
std::vector<std::string_view> hierarchies_of(std::string_view self_cgroup) {
  std::vector<std::string_view> result;
  while (!self_cgroup.empty()) {
    std::string_view line = take(self_cgroup, '\n');
    take(line, ':');
    if (line.find(':') != std::string_view::npos) result.push_back(take(line, ':'));
  }
  return result;
}

bool is_mounted(const std::string& path, decltype(statfs::f_type) magic) {
  struct statfs filesystem = {};
  return ::statfs(path.c_str(), &filesystem) == 0 && filesystem.f_type == magic;
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
    if (const auto mount = parse_mount(take(rest, '\n'))) mounts.push_back(*mount);
  }
  Layout layout;
  if (const CgroupMount* mount = v2_mount_of(mounts)) {
    layout.v2_mount_point = unescape(mount->mount_point);
    layout.v2_controllers = words(v2_controllers);
  }
  for (const std::string_view controllers : hierarchies_of(self_cgroup)) {
    if (controllers.empty()) continue;
    auto names = split(controllers, ',');
    const CgroupMount* mount = v1_mount_of(mounts, names);
    if (mount != nullptr) layout.v1.push_back({unescape(mount->mount_point), std::move(names)});
  }
  if (layout.v1.empty() && layout.v2_mount_point.empty()) {
    return unsupported(
        "no cgroup hierarchy is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup (cgroups(7))");
  }
  return layout;
}

namespace {

// Where every hierarchy of the host stands if it is where systemd(1), OpenRC and cgroupfs-mount(8) put it:
// nothing if one is not. statfs(2) tells in a microsecond; mountinfo takes as long for each mount of the
// host.
std::optional<Layout> usual_layout(std::string_view self_cgroup) {
  const std::string place = "/sys/fs/cgroup";
  constexpr std::string_view kName = "name=";
  Layout layout;
  for (const std::string_view controllers : hierarchies_of(self_cgroup)) {
    if (controllers.empty()) {
      layout.v2_mount_point = is_mounted(place, CGROUP2_SUPER_MAGIC) ? place : place + "/unified";
      if (!is_mounted(layout.v2_mount_point, CGROUP2_SUPER_MAGIC)) return std::nullopt;
      continue;
    }
    const bool is_named = controllers.substr(0, kName.size()) == kName;
    std::string path = place + "/" + std::string(controllers.substr(is_named ? kName.size() : 0));
    if (!is_mounted(path, CGROUP_SUPER_MAGIC)) return std::nullopt;
    layout.v1.push_back({std::move(path), split(controllers, ',')});
  }
  if (layout.v1.empty() && layout.v2_mount_point.empty()) return std::nullopt;
  return layout;
}

Result<Layout> layout_of_mounts(const std::string& self_cgroup) {
  return parse_layout(TRY(read_file("/proc/self/mountinfo")), self_cgroup, "");
}

}  // namespace

Result<Layout> read_layout() {
  const std::string self_cgroup = TRY(read_file("/proc/self/cgroup"));
  auto usual = usual_layout(self_cgroup);
  Layout layout = usual ? std::move(*usual) : TRY(layout_of_mounts(self_cgroup));
  if (!layout.v2_mount_point.empty()) {
    const std::string controllers = TRY(read_file(layout.v2_mount_point + "/cgroup.controllers"));
    layout.v2_controllers = words(controllers);
  }
  return layout;
}

}  // namespace cgroups
