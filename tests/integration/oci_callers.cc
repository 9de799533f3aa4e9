#include "tests/integration/oci_callers.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/running_program.h"

namespace {

// In an emulated machine a daemon of Go's needs a quarter of a minute.
constexpr int kDaemonPatience = 60;

void exec_words(const Words& line) {
  const auto argv = exec_pointers(line);
  ::execvp(argv[0], argv.data());
}

// Runtimes keep their state below /run unless told otherwise, and so does what calls them.
void isolate_run() {
  static const bool done = [] {
    const char* bin = ::getenv("VIAL_BIN_DIR");
    const char* samples = ::getenv("VIAL_SAMPLES");
    REQUIRE(bin != nullptr);
    REQUIRE(samples != nullptr);
    isolate_test_program({bin, samples});
    REQUIRE(::mount("vial-tests", "/run", "tmpfs", MS_NOSUID, "mode=755") == 0);  // NOLINT: the host's doing
    return true;
  }();
  REQUIRE(done);
}

void add_directories(std::vector<std::string>& found, const std::string& directory) {
  for (const auto& entry : list_directory(directory).value_or({})) {
    const std::string path = directory + "/" + entry;
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    found.push_back(path);
    add_directories(found, path);
  }
}

// The hierarchies that are mounted here: on v1 each directory of /sys/fs/cgroup, on v2 that itself.
std::vector<std::string> hierarchies() {
  if (path_exists("/sys/fs/cgroup/cgroup.controllers")) return {"/sys/fs/cgroup"};
  std::vector<std::string> found;
  for (const auto& name : list_directory("/sys/fs/cgroup").value_or({}))
    found.push_back("/sys/fs/cgroup/" + name);
  return found;
}

// What runtimes keep of a container, by the names of the directories that their callers choose for them.
std::string runtime_state() {
  std::string text;
  for (const char* place :
       {"/run/vial-oci", "/run/runc", "/run/crun", "/run/containerd/runc/default",
        "/run/containerd/runc/k8s.io", "/run/containerd/io.containerd.runtime.v2.task/default"})
    for (const auto& name : list_directory(place).value_or({}))
      if (!name.starts_with(".") && name != "@seccomp")
        text += std::string("+ state ") + place + "/" + name + "\n";
  return text;
}

}  // namespace

Daemon::Daemon(const Words& line, const std::string& log, const std::function<bool()>& ready) : log_(log) {
  pid_ = ::fork();
  if (pid_ == 0) {
    constexpr int kNewFile = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    ::dup2(::open(log.c_str(), kNewFile, 0600), 1);
    ::dup2(1, 2);
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (sys::unshare(CLONE_NEWNET)) exec_words(line);
    ::_exit(127);
  }
  REQUIRE(pid_ > 0);
  const bool came_up =
      within(kDaemonPatience, [&] { return ready() || ::waitpid(pid_, nullptr, WNOHANG) == pid_; });
  INFO(shell_words(line) << "\n" << read_file(log).value_or(""));
  REQUIRE(came_up);
  REQUIRE(::kill(pid_, 0) == 0);
}

Daemon::~Daemon() {
  ::kill(pid_, SIGTERM);
  const bool ended = within(kDaemonPatience, [&] { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; });
  if (!ended) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  INFO(read_file(log_).value_or(""));
  CHECK(ended);
}

CallerRig::CallerRig() {
  isolate_run();
  static int count = 0;
  name_ = "vial-caller-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  directory_ = "/tmp/" + name_;
  REQUIRE(make_directories(directory_ + "/calls", 0755));
  before_ = HostPicture::take({});
}

CallerRig::~CallerRig() {
  std::string left = leaks_since(before_, kPatience) + runtime_state();
  // The parent itself and conmon's are the caller's and left by it.
  auto groups = cgroups();
  std::reverse(groups.begin(), groups.end());
  for (const auto& path : groups) {
    const bool is_callers = path.ends_with("/" + name_) || path.ends_with("/" + name_ + "/conmon");
    if (!is_callers) left += "+ cgroup " + path + "\n";
    (void)::rmdir(path.c_str());
  }
  INFO("left behind with " << oci_runtime() << ":\n" << left);
  CHECK(left.empty());
  (void)remove_tree(directory_);
}

std::string CallerRig::image() const {
  return sample_archive("busybox");
}

std::string CallerRig::must(const Words& words) const {
  const Outcome outcome = call(words);
  INFO(shell_words(words) << "\nexit " << outcome.code << "\n" << outcome.out << outcome.err);
  CHECK(outcome.code == 0);
  return std::string(trim(outcome.out));
}

std::vector<std::string> CallerRig::cgroups() const {
  std::vector<std::string> found;
  for (const auto& hierarchy : hierarchies()) {
    const std::string parent = hierarchy + "/" + name_;
    if (!path_exists(parent)) continue;
    found.push_back(parent);
    add_directories(found, parent);
  }
  return found;
}

std::string CallerRig::cgroup_file(const std::string& id, const std::string& controller,
                                   const std::string& v1, const std::string& v2) const {
  const bool pure_v2 = path_exists("/sys/fs/cgroup/cgroup.controllers");
  const std::string start = pure_v2 ? "/sys/fs/cgroup/" : "/sys/fs/cgroup/" + controller + "/";
  for (const auto& path : cgroups()) {
    if (!path.starts_with(start) || path.find(id) == std::string::npos) continue;
    const auto text = read_file(path + "/" + (pure_v2 ? v2 : v1));
    if (text) return std::string(trim(*text));
  }
  return "no cgroup of " + id;
}
