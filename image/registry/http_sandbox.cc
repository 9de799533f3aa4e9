#include "image/registry/http_sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL and the POSIX part
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"
#include "security/filter.h"
#include "security/syscall_numbers.h"

namespace image::registry {

namespace {

constexpr uid_t kNobody = 65534;
constexpr unsigned kLastCapability = 63;
constexpr int kSandboxFailed = 125;
constexpr size_t kMaxResolverFile = 1U << 20U;

using security::SeccompArgument;
using security::SeccompFilterSpec;
using security::SeccompRule;

// What libcurl, OpenSSL and the C library's resolver (with its thread) need to talk to servers. mmap and
// mprotect without PROT_EXEC, clone for threads only, sockets of the three families; clone3 does not exist,
// so that the C library falls back to clone, whose flags a filter can see. Everything else is EPERM.
SeccompFilterSpec http_filter() {
  SeccompFilterSpec spec;
  spec.default_action = "SCMP_ACT_ERRNO";
  spec.default_errno_return = EPERM;
  spec.architectures = {security::native_scmp_architecture()};
  const auto allow = [&](std::vector<std::string> names, std::vector<SeccompArgument> arguments = {}) {
    spec.rules.push_back(SeccompRule{std::move(names), "SCMP_ACT_ALLOW", {}, std::move(arguments)});
  };
  allow({"read", "write", "readv", "writev", "pread64", "lseek", "close", "fcntl", "fstat", "newfstatat",
         "statx", "openat", "dup", "pipe2", "eventfd2", "ioctl"});
  allow({"poll", "ppoll", "select", "pselect6", "connect", "getsockname", "getpeername", "getsockopt",
         "setsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "bind", "shutdown",
         "socketpair"});
  allow({"munmap", "mremap", "madvise", "brk", "futex", "membarrier", "rseq", "set_robust_list",
         "sched_yield", "sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
         "restart_syscall"});
  allow({"clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday", "time", "getpid", "gettid",
         "getuid", "geteuid", "getgid", "getegid", "getrandom", "uname", "exit", "exit_group", "sysinfo"});
  for (const uint64_t family : {uint64_t{AF_INET}, uint64_t{AF_INET6}, uint64_t{AF_NETLINK}})
    allow({"socket"}, {{0, family, 0, "SCMP_CMP_EQ"}});
  allow({"mmap", "mprotect"}, {{2, PROT_EXEC, 0, "SCMP_CMP_MASKED_EQ"}});
  allow({"clone"}, {{0, CLONE_THREAD, CLONE_THREAD, "SCMP_CMP_MASKED_EQ"}});
  allow({"prctl"}, {{0, PR_SET_NAME, 0, "SCMP_CMP_EQ"}});
  spec.rules.push_back(SeccompRule{{"clone3"}, "SCMP_ACT_ERRNO", ENOSYS, {}});
  return spec;
}

// The resolver's files, read while the host's are in view. A file that is not there stays away.
struct ResolverFiles {
  std::string resolv_conf = read_file("/etc/resolv.conf", kMaxResolverFile).value_or("");
  std::string hosts = read_file("/etc/hosts", kMaxResolverFile).value_or("");
};

// A memory file system with /etc becomes the root; what was the root is unmounted. It is mounted over /proc,
// the one directory that is on every host, in a mount namespace of our own. pivot_root(2), "pivot_root(".",
// ".")".
Result<void> enter_root(const ResolverFiles& files) {
  constexpr const char* kPlace = "/proc";
  constexpr unsigned long kFlags = MS_NODEV | MS_NOSUID | MS_NOEXEC;
  TRY(sys::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  TRY(sys::mount("vial-http", kPlace, "tmpfs", kFlags, "size=4m,nr_inodes=16,mode=0755"));
  TRY(sys::chdir(kPlace));
  TRY(sys::mkdir("etc", 0755));
  TRY(create_file("etc/resolv.conf", files.resolv_conf, 0644));
  TRY(create_file("etc/hosts", files.hosts, 0644));
  // Modules of other name services are not in here, and would run with what they were given.
  TRY(create_file("etc/nsswitch.conf", "hosts: files dns\n", 0644));
  TRY(sys::mount(nullptr, kPlace, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr));
  TRY(sys::pivot_root(".", "."));
  TRY(sys::umount2(".", MNT_DETACH));
  return sys::chdir("/");
}

Result<void> drop_privileges() {
  for (unsigned capability = 0; capability <= kLastCapability; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1));
  if (::setgroups(0, nullptr) < 0) return Error::from_errno("setgroups", errno);
  if (::setresgid(kNobody, kNobody, kNobody) < 0) return Error::from_errno("setresgid", errno);
  if (::setresuid(kNobody, kNobody, kNobody) < 0) return Error::from_errno("setresuid", errno);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none = {};
  if (::syscall(SYS_capset, &header, none.data()) < 0) return Error::from_errno("capset", errno);
  return ok();
}

void limit_resources() {
#if !defined(__SANITIZE_ADDRESS__)
  constexpr rlim_t kMemory = 1ULL << 30U;  // address space; threads reserve much of it
  const rlimit memory = {kMemory, kMemory};
  ::setrlimit(RLIMIT_AS, &memory);
#endif
  constexpr rlim_t kFiles = 256;
  const rlimit files = {kFiles, kFiles};
  ::setrlimit(RLIMIT_NOFILE, &files);
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::setrlimit(RLIMIT_FSIZE, &none);
}

Result<void> close_others(int a, int b) {
  Fd null = TRY(sys::open("/dev/null", O_RDWR));
  TRY(sys::dup2(null.get(), STDIN_FILENO));
  TRY(sys::dup2(null.get(), STDOUT_FILENO));
  null.reset();
  const auto low = static_cast<unsigned>(std::min(a, b));
  const auto high = static_cast<unsigned>(std::max(a, b));
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  if (low > kFirst) TRY(sys::close_range(kFirst, low - 1, 0));
  if (high > low + 1) TRY(sys::close_range(low + 1, high - 1, 0));
  return sys::close_range(high + 1, ~0U, 0);
}

Result<void> load_filter(const security::FilterProgram& program) {
  sock_fprog code = {};
  code.len = static_cast<unsigned short>(program.bytes.size() / sizeof(sock_filter));
  // The kernel copies the program; it takes a pointer without const only by its age.
  code.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(program.bytes.data()));
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program.flags, &code) < 0)
    return Error::from_errno("seccomp", errno);
  return ok();
}

Result<void> enter(int socket_fd, int alive_fd, const security::FilterProgram& filter,
                   const std::function<void()>& prepare) {
  TRY(close_others(socket_fd, alive_fd));
  const ResolverFiles files;
  if (prepare) prepare();
  TRY(enter_root(files));
  limit_resources();
  TRY(drop_privileges());
  // After the change of ids, which clears it.
  TRY(sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
  pollfd entry = {alive_fd, 0, 0};
  if (::poll(&entry, 1, 0) > 0 && (entry.revents & POLLHUP) != 0)
    ::_exit(kSandboxFailed);  // nobody is left to tell
  return load_filter(filter);
}

}  // namespace

HttpProcess::~HttpProcess() {
  if (!pidfd_) return;
  static_cast<void>(sys::pidfd_send_signal(pidfd_.get(), SIGKILL));
  static_cast<void>(wait_for(pidfd_.get()));
}

Result<HttpProcess> start_http_process(int socket_fd, const std::function<void()>& prepare,
                                       const std::function<int()>& body) {
  const auto filter = TRY_IN("sandbox", security::compile_filter(http_filter()));
  sys::Pipe alive = TRY(sys::pipe2(0));
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // clone3(2) wants addresses as numbers
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = TRY_IN("sandbox", sys::clone3(arguments));
  if (pid != 0) return HttpProcess(Fd(pidfd), std::move(alive.writer));
  alive.writer.reset();
  name_process("vial:http");
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);  // the parent's end is its end; a terminal's ^C reaches both
  const auto entered = enter(socket_fd, alive.reader.get(), filter, prepare);
  if (!entered) {
    static_cast<void>(write_all(STDERR_FILENO, "vial-image: sandbox: " + entered.error().text() + "\n"));
    ::_exit(kSandboxFailed);
  }
  ::_exit(body());
}

}  // namespace image::registry
