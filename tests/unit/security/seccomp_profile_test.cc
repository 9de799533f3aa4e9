// The default profile and Docker's format: judged by what the compiled filters answer.
#include "security/seccomp_profile.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>

#include "security/filter.h"
#include "security/profile.h"
#include "security/syscall_numbers.h"
#include "tests/unit/security/bpf_machine.h"

using namespace security;

namespace {

CapabilityMask with(int capability) {
  return default_capabilities() | CapabilityMask{1} << static_cast<unsigned>(capability);
}

CapabilityMask without(int capability) {
  return default_capabilities() & ~(CapabilityMask{1} << static_cast<unsigned>(capability));
}

ProfileFacts facts(CapabilityMask capabilities = default_capabilities()) {
  ProfileFacts result;
  result.capabilities = capabilities;
  result.kernel_minor = 18;
  return result;
}

std::vector<FilterProgram> compiled(CapabilityMask capabilities = default_capabilities()) {
  std::vector<FilterProgram> programs;
  for (const auto& spec : {deny_filter(capabilities), default_filter(facts(capabilities))}) {
    auto program = compile_filter(spec);
    REQUIRE(program);
    programs.push_back(std::move(*program));
  }
  return programs;
}

SeccompFilterSpec resolved(const std::string& text, const ProfileFacts& about = facts()) {
  const auto spec = resolve_profile(parse_json(text).value(), about);
  INFO((spec ? "" : spec.error().text()));
  REQUIRE(spec);
  return *spec;
}
std::string error_of(const std::string& text) {
  const auto spec = resolve_profile(parse_json(text).value(), facts());
  return spec ? "" : spec.error().text();
}

}  // namespace

TEST_CASE("both filters of the default are small, the deny filter is first") {
  const auto programs = compiled();
  REQUIRE(programs.size() == 2);
  CHECK(programs[0].name == "deny-list");
  CHECK(programs[1].name == "allow-list");
  CHECK(programs[1].bytes.size() / sizeof(sock_filter) < 500);
}

TEST_CASE("every argument rule of the default gives the same answer with bit 32 set") {
  for (const CapabilityMask capabilities :
       {default_capabilities(), without(CAP_NET_RAW), with(CAP_AUDIT_WRITE)}) {
    const auto programs = compiled(capabilities);
    const auto same = [&](uint32_t number, const std::vector<uint64_t>& arguments, size_t changed) {
      auto high = arguments;
      high[changed] |= kUpperHalf;
      CHECK(run_filters(programs, {number, arguments}) == run_filters(programs, {number, high}));
    };
    for (uint64_t family = 0; family < 64; ++family)
      for (const uint64_t protocol : {0U, 9U}) {
        same(SYS_socket, {family, 1, protocol}, 0);
        same(SYS_socket, {family, 1, protocol}, 2);
      }
    for (const uint64_t request : {0x5412U, 0x541cU, 0x5401U})
      same(SYS_ioctl, {0, request}, 1);
    for (const uint64_t persona : {0U, 8U, 0x20000U, 0x20008U, 0xffffffffU, 1U, 0x40000U})
      same(SYS_personality, {persona}, 0);
    for (unsigned bit = 0; bit < 32; ++bit)
      same(SYS_clone, {uint64_t{1} << bit}, 0);
  }
}

TEST_CASE("socket families are an allow-list") {
  const auto plain = compiled(without(CAP_NET_RAW));
  const auto raw = compiled();
  for (uint64_t family = 0; family < 64; ++family) {
    const bool open = family == 1 || family == 2 || family == 10 || family == 16;
    INFO("family " << family);
    CHECK(run_filters(plain, {SYS_socket, {family, 3, 0}}) == (open ? "allow" : "errno 1"));
    CHECK(run_filters(raw, {SYS_socket, {family, 3, 0}}) == (open || family == 17 ? "allow" : "errno 1"));
    CHECK(run_filters(plain, {359, {family, 3, 0}, AUDIT_ARCH_I386}) == (open ? "allow" : "errno 1"));
  }
  CHECK(run_filters(plain, {SYS_socket, {16, 3, 9}}) == "errno 22");
  CHECK(run_filters(compiled(with(CAP_AUDIT_WRITE)), {SYS_socket, {16, 3, 9}}) == "allow");
}

TEST_CASE("namespaces and mounts need CAP_SYS_ADMIN") {
  const auto plain = compiled();
  const auto admin = compiled(with(CAP_SYS_ADMIN));
  for (const char* name : {"mount", "umount2", "unshare", "setns", "pivot_root", "open_tree", "move_mount",
                           "fsopen", "mount_setattr", "fsconfig", "sethostname", "lsm_list_modules"}) {
    const uint32_t number = syscall_number(find_architecture("SCMP_ARCH_X86_64").value(), name).value();
    INFO(name);
    CHECK(run_filters(plain, {number, {}}) == "errno 1");
    CHECK(run_filters(admin, {number, {}}) == "allow");
  }
  for (const uint64_t flag :
       {0x20000U, 0x2000000U, 0x4000000U, 0x8000000U, 0x10000000U, 0x20000000U, 0x40000000U}) {
    CHECK(run_filters(plain, {SYS_clone, {flag | 17}}) == "errno 1");
    CHECK(run_filters(admin, {SYS_clone, {flag | 17}}) == "allow");
  }
  CHECK(run_filters(plain, {SYS_clone, {0x3d0f00}}) == "allow");  // a thread
  CHECK(run_filters(plain, {SYS_clone3, {}}) == "errno 38");
  CHECK(run_filters(admin, {SYS_clone3, {}}) == "allow");
}

TEST_CASE("what no container needs is closed, with EPERM when it is known, ENOSYS when it is not") {
  const auto programs = compiled();
  for (const char* name : {"keyctl",
                           "add_key",
                           "request_key",
                           "io_uring_setup",
                           "io_uring_enter",
                           "io_uring_register",
                           "userfaultfd",
                           "vmsplice",
                           "bpf",
                           "perf_event_open",
                           "kexec_load",
                           "init_module",
                           "reboot",
                           "swapon",
                           "settimeofday",
                           "acct",
                           "iopl",
                           "syslog",
                           "open_by_handle_at",
                           "kcmp",
                           "pidfd_getfd",
                           "quotactl",
                           "fanotify_init",
                           "mbind",
                           "vhangup"}) {
    const uint32_t number = syscall_number(find_architecture("SCMP_ARCH_X86_64").value(), name).value();
    INFO(name);
    CHECK(run_filters(programs, {number, {}}) == "errno 1");
  }
  for (const uint32_t number : {467U, 470U, 471U, 600U, 4000U})
    CHECK(run_filters(programs, {number, {}}) == "errno 38");
  CHECK(run_filters(programs, {SYS_read | 0x40000000, {}}) == "errno 38");  // x32
  CHECK(run_filters(programs, {SYS_ioctl, {0, 0x5412}}) == "errno 1");
  CHECK(run_filters(programs, {SYS_ioctl, {0, 0x541c}}) == "errno 1");
  CHECK(run_filters(programs, {SYS_personality, {0x40000}}) == "errno 38");
}

TEST_CASE("a capability opens its calls") {
  CHECK(run_filters(compiled(with(CAP_BPF)), {SYS_bpf, {}}) == "allow");
  CHECK(run_filters(compiled(with(CAP_SYS_ADMIN)), {SYS_bpf, {}}) == "errno 1");
  CHECK(run_filters(compiled(with(CAP_PERFMON)), {SYS_perf_event_open, {}}) == "allow");
  CHECK(run_filters(compiled(with(CAP_SYS_PTRACE)), {SYS_kcmp, {}}) == "allow");
  CHECK(run_filters(compiled(with(CAP_SYS_NICE)), {SYS_mbind, {}}) == "allow");
  CHECK(run_filters(compiled(0), {SYS_chroot, {}}) == "errno 1");
  CHECK(run_filters(compiled(), {SYS_chroot, {}}) == "allow");
}

TEST_CASE("what every program needs is open, and what vial still does after loading") {
  const auto programs = compiled(0);
  for (const char* name : {"read",
                           "write",
                           "openat",
                           "close",
                           "mmap",
                           "execve",
                           "exit_group",
                           "vfork",
                           "wait4",
                           "futex",
                           "epoll_wait",
                           "memfd_create",
                           "rseq",
                           "getrandom",
                           "statx",
                           "landlock_create_ruleset",
                           "pidfd_open",
                           "openat2",
                           "close_range",
                           "futex_waitv",
                           "seccomp",
                           "io_setup",
                           "mseal",
                           "capset",
                           "prctl",
                           "setgroups",
                           "setresgid",
                           "setresuid",
                           "umask",
                           "chdir",
                           "fcntl",
                           "sendmsg",
                           "recvmsg",
                           "ptrace",
                           "process_vm_readv",
                           "modify_ldt",
                           "arch_prctl",
                           "inotify_init1"}) {
    const uint32_t number = syscall_number(find_architecture("SCMP_ARCH_X86_64").value(), name).value();
    INFO(name);
    CHECK(run_filters(programs, {number, {}}) == "allow");
  }
}

TEST_CASE("every name of the default profile is a system call") {
  const Json profile = parse_json(default_profile_text()).value();
  for (const auto& rule : profile["syscalls"])
    for (const auto& name : rule["names"]) {
      INFO(name);
      // libseccomp 2.5.4 has none of these two; neither exists on x86 or arm64.
      CHECK((is_known_syscall(name.get<std::string>()) || name == "riscv_hwprobe" || name == "getsid"));
    }
}

TEST_CASE("conditions are Docker's") {
  const auto rules = [](const std::string& condition, const ProfileFacts& about) {
    return resolved(
               R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW",)" +
                   condition + "}]}",
               about)
        .rules.size();
  };
  ProfileFacts old = facts();
  old.kernel_major = 4;
  old.kernel_minor = 7;
  CHECK(rules(R"("includes":{})", facts()) == 1);
  CHECK(rules(R"("includes":{"minKernel":"4.8"})", facts()) == 1);
  CHECK(rules(R"("includes":{"minKernel":"4.8"})", old) == 0);
  CHECK(rules(R"("includes":{"minKernel":"3.20"})", old) == 1);
  CHECK(rules(R"("excludes":{"minKernel":"4.8"})", facts()) == 0);
  CHECK(rules(R"("includes":{"arches":["amd64","x32"]})", facts()) == 1);
  CHECK(rules(R"("includes":{"arches":["arm64"]})", facts()) == 0);
  CHECK(rules(R"("excludes":{"arches":["amd64"]})", facts()) == 0);
  CHECK(rules(R"("includes":{"caps":["CAP_CHOWN"]})", facts()) == 1);
  CHECK(rules(R"("includes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]})", facts()) == 0);
  CHECK(rules(R"("excludes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]})", facts()) == 0);
  CHECK(rules(R"("excludes":{"caps":["CAP_SYS_ADMIN"]})", facts()) == 1);
}

TEST_CASE("a profile of Docker's or Podman's shape is read") {
  const auto spec = resolved(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "defaultErrno": "ENOSYS",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                {"architecture": "SCMP_ARCH_LOONGARCH64", "subArchitectures": null}],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [
      {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "errno": "EINVAL", "comment": "", "includes": {},
       "args": [{"index": 0, "value": 16, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]},
      {"name": "read", "action": "SCMP_ACT_ALLOW", "args": null}]})");
  CHECK(spec.architectures == std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"});
  CHECK(spec.default_errno_return == 38U);
  REQUIRE(spec.rules.size() == 2);
  CHECK(spec.rules[0].errno_return == 22U);
  CHECK(spec.rules[0].arguments[0].value == 16);
  CHECK(spec.rules[1].names == std::vector<std::string>{"read"});
  CHECK(compile_filter(spec));
}

TEST_CASE("a damaged profile is refused with the place of the damage") {
  CHECK(error_of("[]") == "document: not an object");
  CHECK(error_of("{}") == "/defaultAction: missing");
  const std::string start = R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":)";
  CHECK(error_of(start + "{}}") == "/syscalls: not an array");
  CHECK(error_of(start + R"([{"names":["read"]}]})") == "/syscalls/0/action: missing");
  CHECK(error_of(start + R"([{"names":["a"],"name":"b","action":"x"}]})") ==
        "/syscalls/0: has both name and names");
  CHECK(error_of(start + R"([{"names":["a"],"action":"x","args":[{"index":6,"value":0,"op":"x"}]}]})") ==
        "/syscalls/0/args/0/index: not an argument (0 to 5)");
  CHECK(error_of(start + R"([{"names":["a"],"action":"x","args":[{"index":0,"value":-1,"op":"x"}]}]})") ==
        "/syscalls/0/args/0/value: not a non-negative integer");
  CHECK(error_of(start + R"([{"names":["a"],"action":"x","includes":{"caps":["CAP_X"]}}]})") ==
        "/syscalls/0/includes/caps: unknown capability: \"CAP_X\"");
  CHECK(error_of(start + R"([{"names":["a"],"action":"x","includes":{"minKernel":"4"}}]})") ==
        "/syscalls/0/includes/minKernel: not a kernel version (MAJOR.MINOR)");
  CHECK(error_of(R"({"defaultAction":"x","architectures":["a"],"archMap":[{"architecture":"b"}]})") ==
        "document: has both architectures and archMap");
}

TEST_CASE("the tables that are compiled in are the JSON") {
  const Profile read = read_profile(parse_json(default_profile_text()).value()).value();
  const Profile built_in = builtin_profile();
  CHECK(read.rules.size() == built_in.rules.size());
  for (const char* architecture : {"amd64", "arm64", "s390x", "ppc64le", "riscv64"})
    for (const unsigned major : {3U, 4U, 6U})
      for (int capability = -1; capability <= kLastCapability; ++capability) {
        ProfileFacts about = facts(capability < 0 ? 0 : with(capability));
        about.kernel_major = major;
        about.architecture = architecture;
        for (const char* native : {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64", "SCMP_ARCH_S390X"})
          CHECK(apply_profile(read, about, native) == apply_profile(built_in, about, native));
      }
}
