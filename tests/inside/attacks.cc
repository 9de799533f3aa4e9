// Attempts to get out or further in. Each runs in a child of its own with a time limit, and none of them does
// harm where it succeeds: files are opened for writing and not written, mounts are taken back.
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <set>
#include <string_view>

#include "base/fd.h"
#include "base/file.h"
#include "base/strings.h"
#include "tests/inside/probe.h"

namespace probe {
namespace {

constexpr unsigned kSeconds = 10;

std::string try_open(const std::string& path, int flags) {
  return outcome(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

// A masked file can be opened; "ok" is that something was read.
std::string try_read(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return outcome(fd);
  char byte = 0;
  const ssize_t count = ::read(fd, &byte, 1);
  std::string text = count == 0 ? "empty" : outcome(count);
  ::close(fd);
  return text;
}

std::string node_at(const char* path, mode_t type, dev_t device) {
  if (::mknod(path, type | 0600U, device) != 0) return outcome(-1);
  const std::string opened = try_open(path, O_RDONLY);
  ::unlink(path);
  return opened == "ok" ? "ok" : "made, open " + opened;
}

std::string mount_tmpfs() {
  const int result = ::mount("none", "/tmp", "tmpfs", 0, nullptr);
  std::string text = outcome(result);
  if (result == 0) (void)::umount2("/tmp", MNT_DETACH);
  return text;
}

bool is_same_directory(int left_fd, const struct stat& right) {
  struct stat left = {};
  return ::fstat(left_fd, &left) == 0 && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

// The root above an open directory.
Fd top_of(int directory_fd) {
  constexpr int kDeepest = 128;
  Fd at(::fcntl(directory_fd, F_DUPFD_CLOEXEC, 0));
  for (int level = 0; level < kDeepest; ++level) {
    Fd up(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!up) return up;
    struct stat here = {};
    (void)::fstat(at.get(), &here);
    const bool top = is_same_directory(up.get(), here);
    at = std::move(up);
    if (top) break;
  }
  return at;
}

// Climbs from an open directory; "ok" when the top is not our root: we are outside.
std::string climb(int directory_fd) {
  struct stat root = {};
  if (::stat("/", &root) != 0) return outcome(-1);
  const Fd top = top_of(directory_fd);
  if (!top) return outcome(-1);
  return is_same_directory(top.get(), root) ? "inside" : "ok";
}

std::string leave_by_cwd() {
  std::array<char, 4096> text = {};
  const long length = ::syscall(SYS_getcwd, text.data(), text.size());
  if (length > 0 && text[0] != '/') return "ok";
  return climb(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// The classic: a root below the current directory, which stays outside.
std::string leave_by_chroot() {
  const int before = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  (void)::mkdir("/tmp/probe-root", 0700);
  if (::chroot("/tmp/probe-root") != 0) return outcome(-1);
  (void)::fchdir(before);
  const std::string text = leave_by_cwd();
  // Being above the new root is expected; above the old one is not.
  for (int level = 0; level < 128; ++level)
    (void)::chdir("..");
  struct stat old_root = {};
  (void)::fstat(before, &old_root);
  const int here = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return is_same_directory(here, old_root) ? "inside" : text;
}

std::string leave_by_descriptor() {
  std::string found = "none";
  for (int fd = 3; fd < 1024; ++fd) {
    struct stat info = {};
    if (::fstat(fd, &info) != 0 || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) continue;
    found = S_ISDIR(info.st_mode) ? climb(fd) : "open";
    if (found == "ok") return found;
  }
  return found;
}

std::string leave_by_init_root() {
  const int fd = ::open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return outcome(-1);
  struct stat root = {};
  (void)::stat("/", &root);
  return is_same_directory(fd, root) ? "inside" : "ok";
}

// A program file of any process that opens for writing: the way to the runtime's own (CVE-2019-5736).
std::string write_programs() {
  std::string last = "none";
  for (const std::string& name : list_directory("/proc").value_or({})) {
    if (!parse_uint(name)) continue;
    last = try_open("/proc/" + name + "/exe", O_WRONLY);
    if (last == "ok") return last;
  }
  return last;
}

std::string write_release_agent() {
  std::string last = "none";
  for (const std::string& name : list_directory("/sys/fs/cgroup").value_or({})) {
    std::string text = try_open("/sys/fs/cgroup/" + name + "/release_agent", O_WRONLY);
    if (text == "ok") return text;
    if (text != "ENOTDIR") last = text;
  }
  return last;
}

std::string make_cgroup() {
  std::string last = "none";
  std::vector<std::string> directories = {"/sys/fs/cgroup"};
  for (const std::string& name : list_directory("/sys/fs/cgroup").value_or({}))
    directories.push_back("/sys/fs/cgroup/" + name);
  for (const std::string& directory : directories) {
    const std::string path = directory + "/vial-probe";
    last = outcome(::mkdir(path.c_str(), 0700));
    if (last != "ok") continue;
    ::rmdir(path.c_str());
    return last;
  }
  return last;
}

std::string trace_init() {
  if (::getppid() == 1) return "none";  // pid 1 is the probe itself
  const long result = ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr);
  return outcome(result);
}

std::string bind_low_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return outcome(fd);
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(81);
  return outcome(::bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address));
}

std::string same_hostname() {
  std::array<char, 256> name = {};
  (void)::gethostname(name.data(), name.size() - 1);
  return outcome(::sethostname(name.data(), std::strlen(name.data())));
}

std::string clone_namespace(unsigned long flags) {
  const long pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return outcome(pid);
}

std::string make_file_handle() {
  struct file_handle handle = {};
  int mount_id = 0;
  handle.handle_bytes = 0;
  (void)::name_to_handle_at(AT_FDCWD, "/", &handle, &mount_id, 0);
  return outcome(::syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY));
}

std::string use_i386_door() {
#if defined(__x86_64__)
  long result = 0;
  // getpid(2) by the 32-bit entry.
  asm volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "cc", "r8", "r9", "r10", "r11");
  if (result >= 0) return "ok";
  errno = static_cast<int>(-result);
#else
  errno = ENOSYS;
#endif
  return outcome(-1);
}

// Whether a directory is outside of our root; with `host_path`: on the host, which has that file, or in a
// procfs of the host's processes.
bool leads_out(const std::string& path, const std::string& host_path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
  if (!fd || host_path.empty()) return fd && climb(fd.get()) == "ok";
  const Fd top = top_of(fd.get());
  const std::string way = host_path.substr(1);
  return top && (::faccessat(top.get(), way.c_str(), F_OK, 0) == 0 ||
                 ::faccessat(top.get(), ("1/root/" + way).c_str(), F_OK, 0) == 0);
}

// "COUNT[:PATH]": looks at the processes that come in, until there were `count`: "ok" once one has a root, a
// directory or a descriptor outside of ours (with PATH: on the host, where PATH is), a variable of whoever
// started it (LISTEN_FDS), or a program that can be written (CVE-2016-9962).
std::string watch_newcomers(const std::string& words) {
  const size_t colon = std::min(words.find(':'), words.size());
  const uint64_t count = parse_uint(words.substr(0, colon)).value_or(0);
  const std::string host_path = words.substr(std::min(colon + 1, words.size()));
  std::set<std::string> seen;
  const std::string self = std::to_string(::getpid());
  const time_t end = ::time(nullptr) + static_cast<time_t>(kSeconds) - 1;
  while (seen.size() < count && ::time(nullptr) < end) {
    for (const std::string& name : list_directory("/proc").value_or({})) {
      if (!parse_uint(name) || name == "1" || name == self) continue;
      const std::string process = "/proc/" + name;
      seen.insert(name);
      if (try_open(process + "/exe", O_WRONLY) == "ok") return "ok";
      if (contains(read_file(process + "/environ").value_or(""), "LISTEN_FDS=")) return "ok";
      std::vector<std::string> ways = {process + "/root", process + "/cwd"};
      for (const std::string& fd : list_directory(process + "/fd").value_or({}))
        ways.push_back(process + "/fd/" + fd);
      if (std::any_of(ways.begin(), ways.end(),
                      [&](const std::string& way) { return leads_out(way, host_path); }))
        return "ok";
    }
  }
  return "saw " + std::to_string(seen.size());
}

struct Attack {
  std::string_view name;
  std::string (*run)();
};

constexpr auto kAttacks = std::to_array<Attack>({
    // namespaces and mounts
    {"mount", mount_tmpfs},
    {"umount-proc", [] { return outcome(::umount2("/proc/nowhere", 0)); }},
    {"open-tree", [] { return outcome(::syscall(SYS_open_tree, AT_FDCWD, "/", 1)); }},
    {"fsopen", [] { return outcome(::syscall(SYS_fsopen, "tmpfs", 0)); }},
    {"pivot-root", [] { return outcome(::syscall(SYS_pivot_root, "/nowhere", "/nowhere")); }},
    {"unshare-user", [] { return outcome(::unshare(CLONE_NEWUSER)); }},
    {"unshare-mount", [] { return outcome(::unshare(CLONE_NEWNS)); }},
    {"unshare-net", [] { return outcome(::unshare(CLONE_NEWNET)); }},
    {"clone-user", [] { return clone_namespace(CLONE_NEWUSER); }},
    {"clone3", [] { return outcome(::syscall(SYS_clone3, nullptr, 0)); }},
    {"setns", [] { return outcome(::setns(::open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC), 0)); }},
    {"sethostname", same_hostname},
    // ways out of the root
    {"chroot-escape", leave_by_chroot},
    {"cwd", leave_by_cwd},
    {"descriptors", leave_by_descriptor},
    {"proc-1-root", leave_by_init_root},
    {"proc-exe", write_programs},
    {"file-handle", make_file_handle},
    // devices
    {"mknod-sda", [] { return node_at("/tmp/probe-sda", S_IFBLK, makedev(8, 0)); }},
    {"mknod-mem", [] { return node_at("/tmp/probe-mem", S_IFCHR, makedev(1, 1)); }},
    {"mknod-kmsg", [] { return node_at("/tmp/probe-kmsg", S_IFCHR, makedev(1, 11)); }},
    {"mknod-tun", [] { return node_at("/tmp/probe-tun", S_IFCHR, makedev(10, 200)); }},
    {"dev-mem", [] { return try_open("/dev/mem", O_RDONLY); }},
    {"dev-kmsg", [] { return try_open("/dev/kmsg", O_RDONLY); }},
    // sockets
    {"af-alg", [] { return outcome(::socket(AF_ALG, SOCK_SEQPACKET, 0)); }},
    {"af-vsock", [] { return outcome(::socket(AF_VSOCK, SOCK_STREAM, 0)); }},
    {"af-packet", [] { return outcome(::socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"raw-socket", [] { return outcome(::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }},
    {"netlink-audit", [] { return outcome(::socket(AF_NETLINK, SOCK_RAW, 9)); }},
    {"socket-high-bit",
     [] { return outcome(::syscall(SYS_socket, AF_ALG | (1UL << 32U), SOCK_SEQPACKET, 0)); }},
    // the terminal
    {"tiocsti", [] { return outcome(::ioctl(0, TIOCSTI, "")); }},
    {"tiocsti-high-bit", [] { return outcome(::syscall(SYS_ioctl, 0, TIOCSTI | (1UL << 32U), "")); }},
    {"tioclinux", [] { return outcome(::ioctl(0, TIOCLINUX, "\6")); }},
    // parts of the kernel
    {"io-uring", [] { return outcome(::syscall(SYS_io_uring_setup, 0, nullptr)); }},
    {"keyctl",
     [] { return outcome(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0)); }},
    {"add-key",
     [] { return outcome(::syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_PROCESS_KEYRING)); }},
    {"bpf", [] { return outcome(::syscall(SYS_bpf, 0, nullptr, 0)); }},
    {"perf", [] { return outcome(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)); }},
    {"userfaultfd", [] { return outcome(::syscall(SYS_userfaultfd, 0)); }},
    {"kcmp", [] { return outcome(::syscall(SYS_kcmp, ::getpid(), ::getpid(), 0, 0, 0)); }},
    {"syslog", [] { return outcome(::klogctl(10, nullptr, 0)); }},
    {"module", [] { return outcome(::syscall(SYS_finit_module, -1, "", 0)); }},
    {"kexec", [] { return outcome(::syscall(SYS_kexec_load, 0, 99, nullptr, 0)); }},
    {"reboot", [] { return outcome(::syscall(SYS_reboot, 0, 0, 0, nullptr)); }},
    {"swapon", [] { return outcome(::swapon("/nowhere", 0)); }},
    {"acct", [] { return outcome(::syscall(SYS_acct, "/nowhere")); }},
    {"settimeofday", [] { return outcome(::syscall(SYS_settimeofday, nullptr, nullptr)); }},
    {"personality", [] { return outcome(::syscall(SYS_personality, 0x0040000)); }},
    {"modify-ldt", [] { return outcome(::syscall(SYS_modify_ldt, 0, nullptr, 0)); }},
    {"i386", use_i386_door},
    {"x32", [] { return outcome(::syscall(SYS_getpid | 0x40000000)); }},
    {"ptrace-init", trace_init},
    // files of /proc and /sys
    {"core-pattern", [] { return try_open("/proc/sys/kernel/core_pattern", O_WRONLY); }},
    {"sysrq", [] { return try_open("/proc/sysrq-trigger", O_WRONLY); }},
    {"uevent-helper", [] { return try_open("/sys/kernel/uevent_helper", O_WRONLY); }},
    {"kcore", [] { return try_read("/proc/kcore"); }},
    {"release-agent", write_release_agent},
    {"make-cgroup", make_cgroup},
    {"oom-score-file", [] { return try_open("/proc/self/oom_score_adj", O_WRONLY); }},
    // what must work
    {"bind-low-port", bind_low_port},
    {"af-inet", [] { return outcome(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"af-unix", [] { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"ping-socket", [] { return outcome(::socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)); }},
    {"setuid", [] { return outcome(::setuid(1000)); }},
    {"mkfifo", [] { return node_at("/tmp/probe-fifo", S_IFIFO, 0); }},
    {"memfd", [] { return outcome(::syscall(SYS_memfd_create, "probe", 0)); }},
    {"dev-null", [] { return try_open("/dev/null", O_RDWR); }},
    {"ptmx", [] { return try_open("/dev/ptmx", O_RDWR); }},
});

std::string run_attack(const std::string& name) {
  if (name.compare(0, 5, "open:") == 0) return try_open(name.substr(5), O_RDONLY);
  if (name.compare(0, 6, "write:") == 0) return try_open(name.substr(6), O_WRONLY);
  if (name.starts_with("watch:")) return watch_newcomers(name.substr(6));
  for (const Attack& attack : kAttacks)
    if (attack.name == name) return attack.run();
  return "unknown";
}

std::string in_own_process(const std::string& name) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return outcome(-1);
  const pid_t pid = ::fork();
  if (pid < 0) return outcome(-1);
  if (pid == 0) {
    ::alarm(kSeconds);
    (void)write_all(ends[1], run_attack(name));
    ::_exit(0);
  }
  ::close(ends[1]);
  const auto text = read_fd(ends[0]);
  ::close(ends[0]);
  int status = 0;
  (void)::waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return text ? *text : text.error().text();
}

}  // namespace

std::vector<std::string> attack_names() {
  std::vector<std::string> names;
  names.reserve(kAttacks.size());
  for (const Attack& attack : kAttacks)
    names.emplace_back(attack.name);
  return names;
}

Json try_attacks(const std::vector<std::string>& names) {
  Json results = Json::object();
  for (const std::string& name : names) {
    if (name == "all") return try_attacks(attack_names());
    results[name] = in_own_process(name);
  }
  return results;
}

}  // namespace probe
