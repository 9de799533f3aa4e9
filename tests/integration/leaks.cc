#include "tests/integration/leaks.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <map>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace {

void add_tree(std::set<std::string>& things, const std::string& kind, const std::string& path, bool files) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISDIR(status.st_mode) && !files) return;
  // Compiled filters are kept for the next container, in a cache.
  if (path.ends_with(".bpf") || path.ends_with("/@seccomp")) return;
  if (path.ends_with("/unsynced")) return;  // what the disk may not have yet; it goes with the next sync
  things.insert(kind + " " + path);
  if (!S_ISDIR(status.st_mode)) return;
  for (const auto& name : list_directory(path).value_or({}))
    add_tree(things, kind, path + "/" + name, files);
}

bool is_descendant(std::string pid) {
  const std::string self = std::to_string(::getpid());
  constexpr int kMostGenerations = 64;
  for (int i = 0; i < kMostGenerations && !pid.empty() && pid != "0"; ++i) {
    if (pid == self) return true;
    const std::string status = read_file("/proc/" + pid + "/status").value_or("");
    const auto at = status.find("\nPPid:\t");
    if (at == std::string::npos) return false;
    pid = status.substr(at + 7, status.find('\n', at + 1) - at - 7);
  }
  return false;
}

// The containers that others run on this machine meanwhile: their cgroups hold processes, none of them of
// ours.
bool is_of_others(const std::string& cgroup) {
  const std::string text = read_file(cgroup + "/cgroup.procs").value_or("");
  const auto pids = split(trim(text), '\n');
  return !trim(text).empty() && std::none_of(pids.begin(), pids.end(), is_descendant);
}

// Where mountinfo(5) says that a mount is, and its type.
struct MountLine {
  std::string point;
  std::string type;
};

std::vector<MountLine> mount_table() {
  std::vector<MountLine> table;
  for (const auto& line : split(read_file("/proc/self/mountinfo").value_or(""), '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 7 || dash == fields.end() || dash + 1 == fields.end()) continue;
    table.push_back({fields[4], *(dash + 1)});
  }
  return table;
}

void add_cgroups(std::set<std::string>& things, const std::string& parent) {
  for (const auto& name : list_directory(parent).value_or({})) {
    const std::string path = parent + "/" + name;
    if (!is_of_others(path)) add_tree(things, "cgroup", path, false);
  }
}

// A /tmp of our own, in which what is used of the host's stays where it was: a build may be below /tmp, too.
void own_tmp(const std::vector<std::string>& used) {
  std::map<std::string, Fd> kept;
  for (const auto& path : used) {
    if (!path.starts_with("/tmp/")) continue;
    const std::string top = path.substr(0, path.find('/', std::string_view("/tmp/").size()));
    if (kept.contains(top)) continue;
    auto tree = sys::open_tree(AT_FDCWD, top.c_str(), OPEN_TREE_CLONE | AT_RECURSIVE);
    REQUIRE(tree);
    kept.emplace(top, std::move(*tree));
  }
  // Whoever removes a directory takes with it what is mounted on it elsewhere, at any moment.
  for (const auto& mount : mount_table())
    if (mount.point.starts_with("/tmp/")) (void)::umount2(mount.point.c_str(), MNT_DETACH);
  REQUIRE(::mount("vial-tests", "/tmp", "tmpfs", MS_NOSUID, "mode=1777") == 0);
  for (const auto& [top, tree] : kept) {
    REQUIRE(::mkdir(top.c_str(), 0755) == 0);
    const auto target = sys::open(top.c_str(), O_PATH | O_DIRECTORY);
    REQUIRE(target);
    REQUIRE(sys::move_mount(tree.get(), target->get()));
  }
}

}  // namespace

void isolate_test_program(const std::vector<std::string>& used) {
  static bool done = false;
  if (done) return;
  done = true;
  REQUIRE(::unshare(CLONE_NEWNS) == 0);
  REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  own_tmp(used);
  REQUIRE(::mount("none", "/", nullptr, MS_REC | MS_SHARED, nullptr) == 0);
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
}

HostPicture HostPicture::take(const std::vector<std::string>& roots) {
  HostPicture picture;
  picture.roots_ = roots;
  return picture.again();
}

HostPicture HostPicture::with_cgroups(const std::vector<std::string>& roots) {
  HostPicture picture;
  picture.roots_ = roots;
  picture.has_cgroups_ = true;
  return picture.again();
}

HostPicture HostPicture::again() const {
  HostPicture picture;
  picture.roots_ = roots_;
  picture.has_cgroups_ = has_cgroups_;
  for (const auto& mount : mount_table()) {
    picture.things_.insert("mount " + mount.type + " " + mount.point);
    if (has_cgroups_ && (mount.type == "cgroup" || mount.type == "cgroup2"))
      add_cgroups(picture.things_, mount.point + "/vial");
  }
  for (const auto& name : list_directory("/tmp").value_or({}))
    picture.things_.insert("file /tmp/" + name);
  for (const auto& root : roots_)
    add_tree(picture.things_, "file", root, true);
  return picture;
}

std::string HostPicture::difference(const HostPicture& later) const {
  std::string text;
  for (const auto& thing : later.things_)
    if (!things_.contains(thing)) text += "+ " + thing + "\n";
  for (const auto& thing : things_)
    if (!later.things_.contains(thing) && !thing.starts_with("cgroup ")) text += "- " + thing + "\n";
  return text;
}

std::string living_children() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  std::string text;
  const std::string self = std::to_string(::getpid());
  for (const auto& pid : split(read_file("/proc/self/task/" + self + "/children").value_or(""), ' ')) {
    if (pid.empty()) continue;
    std::string words = read_file("/proc/" + pid + "/cmdline").value_or("");
    std::replace(words.begin(), words.end(), '\0', ' ');
    text += "+ process " + pid + " " + words + "\n";
  }
  return text;
}

std::string leaks_since(const HostPicture& before, int seconds) {
  constexpr timespec kPause = {0, 20'000'000};
  std::string left;
  for (int tries = 0; tries < seconds * 50; ++tries) {
    left = living_children() + before.difference(before.again());
    if (left.empty()) break;
    ::nanosleep(&kPause, nullptr);
  }
  return left;
}
