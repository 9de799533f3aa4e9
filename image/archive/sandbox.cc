#include "image/archive/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL and the POSIX part
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"

namespace image {

namespace {

constexpr uid_t kNobody = 65534;
constexpr unsigned kLastCapability = 63;

constexpr unsigned long kMountFlags = MS_NODEV | MS_NOSUID | MS_NOEXEC;

// What is to be the root, mounted; its path. A memory file system is mounted over /proc, the one directory
// that is on every host, in a mount namespace of our own.
Result<const char*> mount_root(const Sandbox& sandbox) {
  if (sandbox.files) {
    constexpr const char* kPlace = "/proc";
    TRY(sys::mount("vial-sandbox", kPlace, "tmpfs", kMountFlags, "size=4m,nr_inodes=16,mode=0755"));
    TRY(sys::chdir(kPlace));
    TRY(sandbox.files());
    TRY(sys::mount(nullptr, kPlace, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kMountFlags, nullptr));
    return kPlace;
  }
  const char* root = sandbox.root.c_str();
  TRY(sys::mount(root, root, nullptr, MS_BIND, nullptr));
  const unsigned long read_only = sandbox.read_only ? MS_RDONLY : 0;
  TRY(sys::mount(nullptr, root, nullptr, MS_REMOUNT | MS_BIND | kMountFlags | read_only, nullptr));
  return root;
}

// What was the root before is unmounted. pivot_root(2), "pivot_root(".", ".")".
Result<void> enter_root(const Sandbox& sandbox) {
  TRY(sys::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  const char* root = TRY(mount_root(sandbox));
  TRY(sys::chdir(root));
  TRY(sys::pivot_root(".", "."));
  TRY(sys::umount2(".", MNT_DETACH));
  return sys::chdir("/");
}

Result<void> drop_privileges(uint64_t capabilities) {
  for (unsigned capability = 0; capability <= kLastCapability; ++capability) {
    if ((capabilities >> capability & 1U) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1));
  if (capabilities == 0) {
    if (::setgroups(0, nullptr) < 0) return Error::from_errno("setgroups", errno);
    if (::setresgid(kNobody, kNobody, kNobody) < 0) return Error::from_errno("setresgid", errno);
    if (::setresuid(kNobody, kNobody, kNobody) < 0) return Error::from_errno("setresuid", errno);
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data = {};
  constexpr unsigned kWordBits = 32;
  for (unsigned word = 0; word < data.size(); ++word) {
    const auto bits = static_cast<uint32_t>(capabilities >> (kWordBits * word));
    data[word] = {bits, bits, 0};
  }
  if (::syscall(SYS_capset, &header, data.data()) < 0) return Error::from_errno("capset", errno);
  return ok();
}

void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__)
  constexpr rlim_t kMemory = 1ULL << 30U;  // a zstd window is 128 MiB at the most, threads reserve much
  const rlimit memory = {kMemory, kMemory};
  ::setrlimit(RLIMIT_AS, &memory);
#endif
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

// Everything but the standard three and `kept`.
Result<void> close_others(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > next) TRY(sys::close_range(next, number - 1, 0));
    next = std::max(next, number + 1);
  }
  return sys::close_range(next, ~0U, 0);
}

Result<void> enter(const Sandbox& sandbox, int alive_fd) {
  std::vector<int> kept = sandbox.descriptors;
  kept.push_back(alive_fd);
  TRY(close_others(std::move(kept)));
  if (sandbox.prepare) TRY(sandbox.prepare());
  TRY(enter_root(sandbox));
  ::umask(0);
  limit_memory();
  TRY(drop_privileges(sandbox.capabilities));
  // After the change of ids, which clears it.
  TRY(sys::prctl(PR_SET_PDEATHSIG, SIGKILL));
  pollfd entry = {alive_fd, 0, 0};
  if (::poll(&entry, 1, 0) > 0 && (entry.revents & POLLHUP) != 0)
    ::_exit(kSandboxFailed);  // nobody is left to tell
  return ok();
}

[[noreturn]] void run_child(const Sandbox& sandbox, int alive_fd, const std::function<int()>& body) noexcept {
  name_process(sandbox.process_name);
  ::signal(SIGPIPE, SIG_IGN);
  const auto entered = enter(sandbox, alive_fd);
  if (!entered) {
    const std::string text = "vial-image: sandbox: " + entered.error().text() + "\n";
    static_cast<void>(write_all(STDERR_FILENO, text));
    ::_exit(kSandboxFailed);
  }
  ::_exit(body());
}

}  // namespace

SandboxedChild::~SandboxedChild() {
  if (!pidfd_) return;
  static_cast<void>(sys::pidfd_send_signal(pidfd_.get(), SIGKILL));
  static_cast<void>(wait_for(pidfd_.get()));
}

Result<ExitStatus> SandboxedChild::wait() {
  auto status = wait_for(pidfd_.get());
  pidfd_.reset();
  return status;
}

Result<SandboxedChild> start_sandboxed(const Sandbox& sandbox, const std::function<int()>& body) {
  sys::Pipe alive = TRY(sys::pipe2(0));
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PIDFD;
  if (!sandbox.host_network) arguments.flags |= CLONE_NEWNET;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);  // clone3(2) wants addresses as numbers
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = TRY_IN("sandbox", sys::clone3(arguments));
  if (pid == 0) {
    alive.writer.reset();
    run_child(sandbox, alive.reader.get(), body);
  }
  return SandboxedChild(Fd(pidfd), std::move(alive.writer));
}

}  // namespace image
