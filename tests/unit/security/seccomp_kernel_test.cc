// The kernel with the default filters loaded: the same questions as seccomp_profile_test, asked for real.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "security/privileges.h"
#include "security/seccomp_profile.h"
#include "security/seccomp_steps.h"
#include "tests/unit/security/bpf_machine.h"
#include "tests/unit/security/in_child.h"

using namespace security;

namespace {

std::vector<FilterProgram> programs_for(CapabilityMask capabilities) {
  ProfileFacts facts;
  facts.capabilities = capabilities;
  std::vector<FilterProgram> programs;
  for (const auto& spec : {deny_filter(capabilities), default_filter(facts)}) {
    auto program = compile_filter(spec);
    REQUIRE(program);
    programs.push_back(std::move(*program));
  }
  return programs;
}

// Loads both filters the way a container without no_new_privs does.
std::string load(const std::vector<FilterProgram>& programs) {
  StepContext context;
  std::string errors;
  for (const FilterProgram& program : programs)
    errors += perform(seccomp_step(program), context);
  return errors;
}

std::string word(long result) {
  if (result >= 0) return "ok";
  const char* name = strerrorname_np(errno);
  return name != nullptr ? name : "errno " + std::to_string(errno);
}

// What the call gives in a process with the default filters of these capabilities; we stay root, so that only
// the filter can refuse.
template <typename... Arguments>
std::string filtered(const std::vector<FilterProgram>& programs, Arguments... arguments) {
  return in_child([&] {
    const std::string errors = load(programs);
    return errors.empty() ? word(::syscall(arguments...)) : errors;
  });
}

}  // namespace

TEST_CASE("both filters are loaded and counted") {
  const auto programs = programs_for(default_capabilities());
  const std::string before = status_line("Seccomp_filters");
  CHECK(in_child([&] {
          const std::string errors = load(programs);
          return errors + status_line("Seccomp") + " " + status_line("Seccomp_filters");
        }) == "2 " + std::to_string(parse_uint(before).value() + 2));
}

TEST_CASE("the kernel refuses what the default profile closes, with bit 32 set or not") {
  const auto programs = programs_for(default_capabilities());
  const auto without_raw = programs_for(default_capabilities() & ~(CapabilityMask{1} << CAP_NET_RAW));
  for (const unsigned long high : {0UL, kUpperHalf}) {
    INFO("bit 32: " << high);
    CHECK(filtered(programs, SYS_ioctl, 0, TIOCSTI | high, "x") == "EPERM");
    CHECK(filtered(programs, SYS_ioctl, 0, TIOCLINUX | high, "\2") == "EPERM");
    CHECK(filtered(programs, SYS_socket, AF_ALG | high, SOCK_SEQPACKET, 0) == "EPERM");
    CHECK(filtered(programs, SYS_socket, AF_VSOCK | high, SOCK_STREAM, 0) == "EPERM");
    CHECK(filtered(without_raw, SYS_socket, AF_PACKET | high, SOCK_RAW, 0) == "EPERM");
    CHECK(filtered(programs, SYS_socket, AF_NETLINK | high, SOCK_RAW, 9 | high) == "EINVAL");
    CHECK(filtered(programs, SYS_socket, AF_INET | high, SOCK_STREAM, 0) == "ok");
    CHECK(filtered(programs, SYS_socket, AF_UNIX | high, SOCK_STREAM, 0) == "ok");
    CHECK(filtered(programs, SYS_personality, 0xffffffff | high) == "ok");
    CHECK(filtered(programs, SYS_personality, 0x40000 | high) == "ENOSYS");
    CHECK(filtered(programs, SYS_clone, CLONE_NEWUSER | SIGCHLD | high, 0, 0, 0, 0) == "EPERM");
    CHECK(filtered(programs, SYS_clone, CLONE_NEWNET | SIGCHLD | high, 0, 0, 0, 0) == "EPERM");
  }
  CHECK(filtered(programs, SYS_unshare, CLONE_NEWUSER) == "EPERM");
  CHECK(filtered(programs, SYS_unshare, 0) == "EPERM");
  CHECK(filtered(programs, SYS_mount, "none", "/", "none", 0, "") == "EPERM");
  CHECK(filtered(programs, SYS_setns, -1, 0) == "EPERM");
  CHECK(filtered(programs, SYS_clone3, 0, 0) == "ENOSYS");
  CHECK(filtered(programs, SYS_io_uring_setup, 0, 0) == "EPERM");
  CHECK(filtered(programs, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) == "EPERM");
  CHECK(filtered(programs, SYS_add_key, "user", "vial", "x", 1, KEY_SPEC_PROCESS_KEYRING) == "EPERM");
  CHECK(filtered(programs, SYS_userfaultfd, 0) == "EPERM");
  CHECK(filtered(programs, SYS_bpf, 0, 0, 0) == "EPERM");
  CHECK(filtered(programs, SYS_perf_event_open, 0, 0, 0, 0, 0) == "EPERM");
  CHECK(filtered(programs, SYS_open_by_handle_at, -1, 0, 0) == "EPERM");
  CHECK(filtered(programs, 470) == "ENOSYS");
  CHECK(filtered(programs, SYS_getpid | 0x40000000) == "ENOSYS");
}

TEST_CASE("capabilities open what they are for") {
  const auto raw = default_capabilities();
  REQUIRE((raw >> CAP_NET_RAW & 1U) != 0);
  CHECK(filtered(programs_for(raw), SYS_socket, AF_PACKET, SOCK_RAW, 0) == "ok");
  CHECK(filtered(programs_for(raw), SYS_socket, AF_PACKET | kUpperHalf, SOCK_RAW, 0) == "ok");
  const auto admin = default_capabilities() | CapabilityMask{1} << CAP_SYS_ADMIN;
  CHECK(filtered(programs_for(admin), SYS_unshare, CLONE_NEWUTS) == "ok");
  CHECK(filtered(programs_for(admin), SYS_setns, -1, 0) == "EBADF");
}

TEST_CASE("what programs do every day works under the default filters") {
  const auto programs = programs_for(default_capabilities());
  const std::string failures = in_child([&] {
    std::string bad = load(programs);
    const auto must = [&](const char* what, long result) {
      if (result < 0) bad += std::string(what) + ": " + word(result) + "\n";
    };
    const int file = ::open("/proc/self/status", O_RDONLY);
    alignas(8) char buffer[512];
    must("open", file);
    must("read", ::read(file, buffer, sizeof buffer));
    must("dup3", ::dup3(file, 99, O_CLOEXEC));
    must("memfd_create", ::memfd_create("x", 0));
    must("epoll_create1", ::epoll_create1(0));
    must("inotify_init1", ::inotify_init1(0));
    must("pipe2", ::pipe2(reinterpret_cast<int*>(buffer), 0));
    must("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, reinterpret_cast<int*>(buffer)));
    must("netlink route", ::socket(AF_NETLINK, SOCK_RAW, 0));
    must("pidfd_open", ::syscall(SYS_pidfd_open, ::getpid(), 0));
    must("landlock version",
         ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) < 0 && errno == EPERM ? -1 : 0);
    must("seccomp action", ::syscall(SYS_seccomp, 2, 0, "\0\0\xff\x7f"));
    must("getrandom", ::syscall(SYS_getrandom, buffer, 8, 0));
    must("mlock", ::mlock(buffer, sizeof buffer));
    unsigned long aio = 0;
    must("io_setup", ::syscall(SYS_io_setup, 4, &aio));
    struct rlimit limit = {};
    must("prlimit", ::prlimit(0, RLIMIT_NOFILE, nullptr, &limit));
    must("close_range", ::syscall(SYS_close_range, 200, 300, 0));
    must("chroot", ::chroot("/"));
    must("statx", ::syscall(SYS_statx, AT_FDCWD, "/", 0, 0, buffer) < 0 && errno == EPERM ? -1 : 0);
    pthread_t thread = {};
    errno = ::pthread_create(
        &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
    must("thread", errno == 0 ? ::pthread_join(thread, nullptr) : -1);
    const pid_t traced = ::fork();
    if (traced == 0) {
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::execl("/bin/true", "true", nullptr);
      ::_exit(127);
    }
    int status = 0;
    must("fork", traced);
    must("wait", ::waitpid(traced, &status, 0));
    if (!WIFSTOPPED(status)) bad += "ptrace: the child did not stop at exec\n";
    (void)::ptrace(PTRACE_CONT, traced, nullptr, nullptr);
    must("wait", ::waitpid(traced, &status, 0));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) bad += "exec failed\n";
    must("setgroups", ::syscall(SYS_setgroups, 0, nullptr));
    must("setresuid", ::syscall(SYS_setresuid, 1000, 1000, 1000));
    return bad;
  });
  CHECK(failures == "");
}

TEST_CASE("the steps work in both orders: filters before the capabilities go, or after with no_new_privs") {
  const auto programs = programs_for(default_capabilities());
  const CapabilitySets sets = capability_sets_for(default_capabilities(), 1000);
  CHECK(in_child([&] {
          StepContext context;
          std::string errors = perform(drop_bounding_set_step(sets.bounding), context);
          errors += load(programs);
          errors += perform(set_ids_step({1000, 1000, {1000}, 022}), context);
          errors += perform(set_capabilities_step(sets), context);
          return errors + status_line("Seccomp") + status_line("CapEff");
        }) == "20000000000000000");
  CHECK(in_child([&] {
          StepContext context;
          std::string errors = perform(set_ids_step({1000, 1000, {1000}, 022}), context);
          errors += perform(set_capabilities_step(sets), context);
          errors += perform(no_new_privs_step(), context);
          errors += load(programs);
          return errors + status_line("Seccomp");
        }) == "2");
  CHECK(in_child([&] {
          StepContext context;
          std::string errors = perform(set_ids_step({1000, 1000, {1000}, 022}), context);
          errors += perform(set_capabilities_step(sets), context);
          return errors + load({programs[0]});
        }) == "seccomp: Permission denied: without no_new_privs loading a filter needs CAP_SYS_ADMIN");
}

TEST_CASE("the agent of a listener gets the descriptor and the state, and decides") {
  const std::string path = "/tmp/vial-agent-" + random_hex(8);
  const Fd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  REQUIRE(::bind(server.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(server.get(), 1) == 0);
  SeccompFilterSpec spec;
  spec.default_action = "SCMP_ACT_ALLOW";
  spec.rules = {{{"mkdir"}, "SCMP_ACT_NOTIFY", std::nullopt, {}}};
  spec.listener_path = path;
  spec.listener_metadata = "meta \"data\"";
  const auto program = compile_filter(spec);
  REQUIRE(program);
  const pid_t pid = ::fork();
  if (pid == 0) {
    StepContext context;
    context.init_pid = 4321;
    std::string errors = perform(connect_seccomp_agent_step(path), context);
    errors += perform(seccomp_step(*program, {"c1", "/bundle", "1.3.0"}), context);
    ::_exit(errors.empty() && ::mkdir("/proc/nowhere", 0700) < 0 && errno == ENOTTY ? 0 : 1);
  }
  const Fd peer(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char text[1024] = {};
  struct iovec space = {text, sizeof text};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr message = {};
  message.msg_iov = &space;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  REQUIRE(::recvmsg(peer.get(), &message, MSG_CMSG_CLOEXEC) > 0);
  const auto state = parse_json(text);
  REQUIRE(state);
  CHECK((*state)["fds"][0] == "seccompFd");
  CHECK((*state)["pid"] == 4321);
  CHECK((*state)["metadata"] == "meta \"data\"");
  CHECK((*state)["state"]["id"] == "c1");
  CHECK((*state)["state"]["bundle"] == "/bundle");
  REQUIRE(CMSG_FIRSTHDR(&message) != nullptr);
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
  const Fd listener(descriptor);
  struct seccomp_notif request = {};
  REQUIRE(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) == 0);
  CHECK(request.data.nr == SYS_mkdir);
  struct seccomp_notif_resp response = {};
  response.id = request.id;
  response.error = -ENOTTY;
  REQUIRE(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  ::unlink(path.c_str());
}

TEST_CASE("how long the default profile takes") {
  ProfileFacts facts;
  facts.capabilities = default_capabilities();
  const int64_t start = monotonic_ns();
  const auto spec = default_filter(facts);
  const int64_t resolved = monotonic_ns();
  const auto deny = compile_filter(deny_filter(facts.capabilities));
  const auto allow = compile_filter(spec);
  const int64_t compiled = monotonic_ns();
  const std::string load_us = in_child([&] {
    const int64_t before = monotonic_ns();
    const std::string errors = load({*deny, *allow});
    return errors + std::to_string((monotonic_ns() - before) / 1000);
  });
  WARN("resolve " << (resolved - start) / 1000 << " us, compile both " << (compiled - resolved) / 1000
                  << " us, load both " << load_us << " us, instructions " << deny->bytes.size() / 8 << " + "
                  << allow->bytes.size() / 8);
}
