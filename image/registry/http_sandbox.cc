#include "image/registry/http_sandbox.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): the POSIX part
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/syscalls.h"
#include "security/filter.h"
#include "security/syscall_numbers.h"

namespace image::registry {

namespace {

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

// What the resolver reads.
struct ResolverFiles {
  std::string resolv_conf;
  std::string hosts;
};

// Empty when it is not there.
std::string read_resolver_file(const char* path) {
  return read_file(path, kMaxResolverFile).value_or("");
}

Result<void> write_resolver_files(const ResolverFiles& files) {
  TRY(sys::mkdir("etc", 0755));
  TRY(create_file("etc/resolv.conf", files.resolv_conf, 0644));
  TRY(create_file("etc/hosts", files.hosts, 0644));
  // Modules of other name services are not in here, and would run with what they were given.
  return create_file("etc/nsswitch.conf", "hosts: files dns\n", 0644);
}

Result<void> silence() {
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  TRY(sys::dup2(null.get(), STDIN_FILENO));
  return sys::dup2(null.get(), STDOUT_FILENO);
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

// The last doors: no file can grow, and only the calls of the filter are there.
Result<void> close_doors(const security::FilterProgram& filter) {
  constexpr rlim_t kFiles = 256;
  const rlimit files = {kFiles, kFiles};
  ::setrlimit(RLIMIT_NOFILE, &files);
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_FSIZE, &none);
  return load_filter(filter);
}

}  // namespace

Result<SandboxedChild> start_http_process(int socket_fd, const std::function<void()>& prepare,
                                          const std::function<int()>& body) {
  const auto filter = TRY_IN("sandbox", security::compile_filter(http_filter()));
  Sandbox sandbox{.process_name = "vial:http", .host_network = true, .descriptors = {socket_fd}};
  ResolverFiles files;
  sandbox.prepare = [&]() -> Result<void> {
    ::signal(SIGINT, SIG_IGN);  // the parent's end is its end; a terminal's ^C reaches both
    TRY(silence());
    files = {read_resolver_file("/etc/resolv.conf"), read_resolver_file("/etc/hosts")};
    if (prepare) prepare();
    return ok();
  };
  sandbox.files = [&] { return write_resolver_files(files); };
  return start_sandboxed(sandbox, [&] {
    const auto closed = close_doors(filter);
    if (closed) return body();
    static_cast<void>(write_all(STDERR_FILENO, "vial-image: sandbox: " + closed.error().text() + "\n"));
    return kSandboxFailed;
  });
}

}  // namespace image::registry
