// The floor: the least that any runtime must do for a container. One clone3 with five namespaces, proc, /dev
// and sysfs mounted, pivot_root, execve, wait. No overlay, no seccomp, no state, no error text.
//   floor [--cgroups NAME] ROOTFS COMMAND [ARG...]
// With --cgroups it also makes a cgroup NAME in every hierarchy below /sys/fs/cgroup, runs the command in
// them and removes them: on v1 the child writes 0 to tasks, on v2 it is cloned into it. Both skip the wait
// for an RCU grace period that a write to cgroup.procs costs.
#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";
constexpr int kMostHierarchies = 24;

struct Hierarchies {
  std::array<int, kMostHierarchies> v1 = {};  // descriptors of our directory in each
  std::array<std::array<char, 128>, kMostHierarchies> paths = {};
  int v1_count = 0;
  int v2 = -1;
  int count = 0;
};

// cpuset takes nobody before it has processors and memory: the parent's.
bool copy_file(int from, int to, const char* name) {
  const int source = ::openat(from, name, O_RDONLY | O_CLOEXEC);
  if (source < 0) return true;  // not a cpuset
  std::array<char, 256> text = {};
  const ssize_t length = ::read(source, text.data(), text.size());
  ::close(source);
  const int target = ::openat(to, name, O_WRONLY | O_CLOEXEC);
  const bool copied = length > 0 && ::write(target, text.data(), static_cast<size_t>(length)) == length;
  ::close(target);
  return copied;
}

bool add_hierarchy(Hierarchies& all, const char* root, const char* name) {
  auto& path = all.paths[static_cast<size_t>(all.count)];
  std::snprintf(path.data(), path.size(), "%s/%s", root, name);
  if (::mkdir(path.data(), 0755) != 0) return false;
  ++all.count;
  const int fd = ::open(path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (::faccessat(fd, "tasks", W_OK, 0) != 0) {
    all.v2 = fd;
    return true;
  }
  all.v1[static_cast<size_t>(all.v1_count++)] = fd;
  const int parent = ::open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ready = copy_file(parent, fd, "cpuset.cpus") && copy_file(parent, fd, "cpuset.mems");
  ::close(parent);
  return ready;
}

bool make_cgroups(Hierarchies& all, const char* name) {
  struct stat info = {};
  std::array<char, 128> root = {};
  std::snprintf(root.data(), root.size(), "%s/cgroup.procs", kCgroups);
  if (::stat(root.data(), &info) == 0) return add_hierarchy(all, kCgroups, name);
  DIR* list = ::opendir(kCgroups);
  if (list == nullptr) return false;
  bool good = true;
  while (const dirent* entry = ::readdir(list)) {
    // Links name the same hierarchy twice.
    if (entry->d_name[0] == '.' || entry->d_type != DT_DIR || all.count == kMostHierarchies) continue;
    std::snprintf(root.data(), root.size(), "%s/%.64s", kCgroups, entry->d_name);
    good = good && add_hierarchy(all, root.data(), name);
  }
  ::closedir(list);
  return good;
}

bool join(const Hierarchies& all) {
  for (int i = 0; i < all.v1_count; ++i) {
    const int tasks = ::openat(all.v1[static_cast<size_t>(i)], "tasks", O_WRONLY | O_CLOEXEC);
    if (::write(tasks, "0", 1) != 1) return false;
    ::close(tasks);
  }
  return true;
}

[[noreturn]] void child(const Hierarchies& cgroups, char** argv) {
  const char* root = argv[0];
  bool good = join(cgroups) && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  good = good && ::mount(root, root, nullptr, MS_BIND | MS_REC, nullptr) == 0 && ::chdir(root) == 0;
  good = good && ::mount("proc", "proc", "proc", 0, nullptr) == 0;
  good = good && ::mount("tmpfs", "dev", "tmpfs", 0, "mode=755") == 0;
  good = good && ::mount("sysfs", "sys", "sysfs", MS_RDONLY, nullptr) == 0;
  good = good && ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         ::chdir("/") == 0;
  if (good) ::execve(argv[1], argv + 1, environ);
  ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  Hierarchies cgroups;
  int first = 1;
  if (argc > 2 && std::strcmp(argv[1], "--cgroups") == 0) {
    if (!make_cgroups(cgroups, argv[2])) return 1;
    first = 3;
  }
  if (argc < first + 2) return 2;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC;
  arguments.exit_signal = SIGCHLD;
  if (cgroups.v2 >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<__u64>(cgroups.v2);
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return 1;
  if (pid == 0) child(cgroups, argv + first);
  int status = 0;
  ::waitpid(static_cast<pid_t>(pid), &status, 0);
  bool clean = true;
  for (int i = 0; i < cgroups.count; ++i)
    clean = ::rmdir(cgroups.paths[static_cast<size_t>(i)].data()) == 0 && clean;
  return WIFEXITED(status) && clean ? WEXITSTATUS(status) : 1;
}
