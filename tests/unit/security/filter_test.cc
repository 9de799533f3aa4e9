// The compiler: rules to programs, judged by running the programs in a small machine, and against
// libseccomp's.
#include "security/filter.h"

#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/syscalls.h"
#include "security/syscall_numbers.h"
#include "tests/unit/security/bpf_machine.h"

using namespace security;

namespace {

SeccompRule rule(std::vector<std::string> names, const char* action,
                 std::vector<SeccompArgument> arguments = {}, std::optional<uint32_t> error = std::nullopt) {
  return {std::move(names), action, error, std::move(arguments)};
}
SeccompFilterSpec allow_list(std::vector<SeccompRule> rules) {
  SeccompFilterSpec spec;
  spec.default_action = "SCMP_ACT_ERRNO";
  spec.default_errno_return = 38;
  spec.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
  spec.rules = std::move(rules);
  return spec;
}
SeccompFilterSpec deny_list(std::vector<SeccompRule> rules) {
  SeccompFilterSpec spec = allow_list(std::move(rules));
  spec.default_action = "SCMP_ACT_ALLOW";
  spec.default_errno_return.reset();
  return spec;
}
std::string answer(const SeccompFilterSpec& spec, const Call& call) {
  const auto program = compile_filter(spec);
  if (!program) return program.error().text();
  return verdict_text(run_filter(instructions(program->bytes), call));
}
std::string error_of(const SeccompFilterSpec& spec) {
  const auto program = compile_filter(spec);
  return program ? "" : program.error().text();
}

}  // namespace

TEST_CASE("a list of other machines' architectures does not kill this one's programs") {
  auto spec = deny_list({rule({"mkdir"}, "SCMP_ACT_ERRNO")});
  spec.architectures = {"SCMP_ARCH_S390X"};
  CHECK(answer(spec, {SYS_read, {}}) == "allow");
  CHECK(answer(spec, {SYS_mkdir, {}}) == "errno 1");
}

// spec: config-linux.md#seccomp.architectures
TEST_CASE("listed calls are allowed on both architectures, all others are not") {
  const auto spec = allow_list({rule({"read", "write", "openat"}, "SCMP_ACT_ALLOW")});
  CHECK(answer(spec, {SYS_read, {}}) == "allow");
  CHECK(answer(spec, {SYS_openat, {}}) == "allow");
  CHECK(answer(spec, {SYS_open, {}}) == "errno 38");
  CHECK(answer(spec, {UINT32_MAX, {}}) == "errno 38");
  CHECK(answer(spec, {3, {}, AUDIT_ARCH_I386}) == "allow");  // read
  CHECK(answer(spec, {0, {}, AUDIT_ARCH_I386}) ==
        "errno 38");                                           // restart_syscall, the number of x86-64's read
  CHECK(answer(spec, {295, {}, AUDIT_ARCH_I386}) == "allow");  // openat
  CHECK(answer(spec, {0, {}, AUDIT_ARCH_AARCH64}) == "kill process");
}

TEST_CASE("x32 numbers are closed, also where everything else is allowed") {
  const auto spec = deny_list({rule({"mount"}, "SCMP_ACT_ERRNO")});
  CHECK(answer(spec, {SYS_mount, {}}) == "errno 1");
  CHECK(answer(spec, {SYS_mount | 0x40000000, {}}) == "errno 38");
  CHECK(answer(spec, {SYS_read | 0x40000000, {}}) == "errno 38");
  auto with_x32 = spec;
  with_x32.architectures.emplace_back("SCMP_ARCH_X32");
  CHECK(answer(with_x32, {SYS_mount | 0x40000000, {}}) == "errno 1");
  CHECK(answer(with_x32, {SYS_read | 0x40000000, {}}) == "allow");
}

// spec: config-linux.md#seccomp.args
TEST_CASE("comparisons are those of 64-bit numbers") {
  const uint64_t value = 5 * kUpperHalf + 7;
  const std::vector<uint64_t> probes = {
      0, 6, 7, 8, 4 * kUpperHalf + 9, value - 1, value, value + 1, 6 * kUpperHalf, ~uint64_t{0}};
  const auto check = [&](const char* op, auto expected) {
    const auto spec = allow_list({rule({"lseek"}, "SCMP_ACT_ALLOW", {{1, value, 0, op}})});
    for (const uint64_t probe : probes) {
      INFO(op << " " << probe);
      CHECK(answer(spec, {SYS_lseek, {0, probe}}) == (expected(probe) ? "allow" : "errno 38"));
    }
  };
  check("SCMP_CMP_EQ", [&](uint64_t x) { return x == value; });
  check("SCMP_CMP_NE", [&](uint64_t x) { return x != value; });
  check("SCMP_CMP_LT", [&](uint64_t x) { return x < value; });
  check("SCMP_CMP_LE", [&](uint64_t x) { return x <= value; });
  check("SCMP_CMP_GT", [&](uint64_t x) { return x > value; });
  check("SCMP_CMP_GE", [&](uint64_t x) { return x >= value; });
  const auto masked = allow_list(
      {rule({"lseek"}, "SCMP_ACT_ALLOW", {{1, 0xf0000000f0, 0x3000000040, "SCMP_CMP_MASKED_EQ"}})});
  CHECK(answer(masked, {SYS_lseek, {0, 0xff3fffff4f}}) == "errno 38");
  CHECK(answer(masked, {SYS_lseek, {0, 0xf3fffff4f}}) == "errno 38");
  CHECK(answer(masked, {SYS_lseek, {0, 0x3fffffff4f}}) == "allow");
}

TEST_CASE("arguments that the kernel takes as 32 bits are compared as 32 bits, whatever the profile says") {
  const auto allowed = allow_list({rule({"socket"}, "SCMP_ACT_ALLOW", {{0, 9, 0, "SCMP_CMP_NE"}})});
  CHECK(answer(allowed, {SYS_socket, {9}}) == "errno 38");
  CHECK(answer(allowed, {SYS_socket, {9 | kUpperHalf}}) == "errno 38");
  CHECK(answer(allowed, {SYS_socket, {2 | kUpperHalf}}) == "allow");
  const auto denied = deny_list({rule({"ioctl"}, "SCMP_ACT_ERRNO", {{1, 0x5412, 0, "SCMP_CMP_EQ"}})});
  CHECK(answer(denied, {SYS_ioctl, {0, 0x5412}}) == "errno 1");
  CHECK(answer(denied, {SYS_ioctl, {0, 0x5412 | kUpperHalf}}) == "errno 1");
  CHECK(answer(denied, {SYS_ioctl, {0, 0x5413}}) == "allow");
  const auto below = allow_list({rule({"socket"}, "SCMP_ACT_ALLOW", {{0, 12, 0, "SCMP_CMP_LT"}})});
  CHECK(answer(below, {SYS_socket, {2 | kUpperHalf}}) == "allow");
  CHECK(answer(below, {SYS_socket, {12}}) == "errno 38");
}

TEST_CASE("the strictest of all matching rules counts, in any order") {
  const auto tiocsti = rule({"ioctl"}, "SCMP_ACT_ERRNO", {{1, 0x5412, 0, "SCMP_CMP_EQ"}}, 13);
  const auto all = rule({"ioctl"}, "SCMP_ACT_ALLOW");
  for (const auto& spec : {allow_list({tiocsti, all}), allow_list({all, tiocsti})}) {
    CHECK(answer(spec, {SYS_ioctl, {0, 0x5412}}) == "errno 13");
    CHECK(answer(spec, {SYS_ioctl, {0, 0x5401}}) == "allow");
  }
  const auto kill = rule({"ioctl"}, "SCMP_ACT_KILL_PROCESS", {{0, 3, 0, "SCMP_CMP_EQ"}});
  CHECK(answer(allow_list({tiocsti, all, kill}), {SYS_ioctl, {3, 0x5412}}) == "kill process");
  const auto none = rule({"ioctl"}, "SCMP_ACT_ERRNO", {}, 22);
  const auto some = rule({"ioctl"}, "SCMP_ACT_ALLOW", {{1, 0x5401, 0, "SCMP_CMP_EQ"}});
  CHECK(answer(allow_list({none, some}), {SYS_ioctl, {0, 0x5401}}) == "errno 22");
}

TEST_CASE("all tests of a rule must hold, but two tests of one argument are alternatives") {
  const auto both =
      allow_list({rule({"socket"}, "SCMP_ACT_ALLOW", {{0, 2, 0, "SCMP_CMP_EQ"}, {1, 1, 0, "SCMP_CMP_EQ"}})});
  CHECK(answer(both, {SYS_socket, {2, 1}}) == "allow");
  CHECK(answer(both, {SYS_socket, {2, 2}}) == "errno 38");
  CHECK(answer(both, {SYS_socket, {3, 1}}) == "errno 38");
  const auto either =
      allow_list({rule({"socket"}, "SCMP_ACT_ALLOW", {{0, 1, 0, "SCMP_CMP_EQ"}, {0, 2, 0, "SCMP_CMP_EQ"}})});
  CHECK(answer(either, {SYS_socket, {1}}) == "allow");
  CHECK(answer(either, {SYS_socket, {2}}) == "allow");
  CHECK(answer(either, {SYS_socket, {3}}) == "errno 38");
}

TEST_CASE("i386 reaches sockets and SysV IPC through two doors") {
  const auto spec = deny_list({rule({"socket", "shmget"}, "SCMP_ACT_ERRNO")});
  CHECK(answer(spec, {359, {}, AUDIT_ARCH_I386}) == "errno 1");
  CHECK(answer(spec, {102, {1}, AUDIT_ARCH_I386}) == "errno 1");  // socketcall(SYS_SOCKET)
  CHECK(answer(spec, {102, {1 | kUpperHalf}, AUDIT_ARCH_I386}) == "errno 1");
  CHECK(answer(spec, {102, {2}, AUDIT_ARCH_I386}) == "allow");
  CHECK(answer(spec, {117, {23}, AUDIT_ARCH_I386}) == "errno 1");  // ipc(SHMGET)
  CHECK(answer(spec, {117, {23 | 0x10000}, AUDIT_ARCH_I386}) == "errno 1");
  CHECK(answer(spec, {117, {21}, AUDIT_ARCH_I386}) == "allow");
}

TEST_CASE("calls newer than libseccomp have numbers") {
  const auto spec =
      allow_list({rule({"cachestat", "mseal", "listmount", "setxattrat", "uretprobe"}, "SCMP_ACT_ALLOW")});
  for (const uint32_t number : {451U, 462U, 458U, 463U, 335U})
    CHECK(answer(spec, {number, {}}) == "allow");
  CHECK(answer(spec, {451, {}, AUDIT_ARCH_I386}) == "allow");
  CHECK(answer(spec, {335, {}, AUDIT_ARCH_I386}) == "errno 38");
  CHECK(syscall_name(462) == "mseal");
  CHECK(syscall_name(SYS_read) == "read");
  CHECK(syscall_name(4000) == "syscall 4000");
}

TEST_CASE("an unknown name is skipped where that denies, an error where it would allow") {
  CHECK(error_of(allow_list({rule({"frobnicate"}, "SCMP_ACT_ALLOW")})).empty());
  CHECK(error_of(allow_list({rule({"frobnicate"}, "SCMP_ACT_ERRNO")})).empty());
  CHECK(error_of(deny_list({rule({"frobnicate"}, "SCMP_ACT_ERRNO")})) ==
        "seccomp: no such system call \"frobnicate\", so it can't be denied");
  // Known, but not on this architecture: nothing to deny.
  CHECK(error_of(deny_list({rule({"s390_runtime_instr"}, "SCMP_ACT_ERRNO")})).empty());
}

// spec: config-linux.md#seccomp.flags
TEST_CASE("wrong specs are refused") {
  const auto with = [](auto change) {
    auto spec = allow_list({rule({"read"}, "SCMP_ACT_ALLOW")});
    change(spec);
    return error_of(spec);
  };
  CHECK(with([](auto& s) { s.default_action = "ALLOW"; }) == "seccomp: unknown action \"ALLOW\"");
  CHECK(with([](auto& s) { s.architectures = {"SCMP_ARCH_VAX"}; }) ==
        "seccomp: unknown architecture \"SCMP_ARCH_VAX\"");
  CHECK(with([](auto& s) { s.flags = {"SECCOMP_FILTER_FLAG_X"}; }) ==
        "seccomp: unknown flag \"SECCOMP_FILTER_FLAG_X\"");
  CHECK(with([](auto& s) {
          s.rules[0].arguments = {{6, 0, 0, "SCMP_CMP_EQ"}};
        }) == "seccomp: a system call has arguments 0 to 5, not 6");
  CHECK(with([](auto& s) {
          s.rules[0].arguments = {{0, 0, 0, "=="}};
        }) == "seccomp: unknown operator \"==\"");
  CHECK(with([](auto& s) { s.rules[0].errno_return = 1; }) == "seccomp: SCMP_ACT_ALLOW takes no errnoRet");
  CHECK(with([](auto& s) { s.default_errno_return = 4096; }) == "seccomp: errnoRet 4096 is out of range");
  CHECK(with([](auto& s) {
          s.default_action = "SCMP_ACT_NOTIFY";
          s.default_errno_return.reset();
        }) == "seccomp: SCMP_ACT_NOTIFY can't be the default action");
  CHECK(with([](auto& s) { s.rules[0].action = "SCMP_ACT_NOTIFY"; }) ==
        "seccomp: SCMP_ACT_NOTIFY for read needs a listenerPath");
  CHECK(with([](auto& s) {
          s.rules[0] = rule({"sendmsg"}, "SCMP_ACT_NOTIFY");
          s.listener_path = "/run/a";
        }) == "seccomp: SCMP_ACT_NOTIFY can't be used for sendmsg: the listener is sent with it");
}

TEST_CASE("a filter that is too long for the kernel is refused") {
  auto spec = allow_list({});
  for (uint64_t i = 0; i < 2000; ++i)
    spec.rules.push_back(rule({"lseek"}, "SCMP_ACT_ALLOW", {{1, i * 3 * kUpperHalf, 0, "SCMP_CMP_EQ"}}));
  CHECK(error_of(spec).find("the kernel takes 4096") != std::string::npos);
}

namespace {

// The same rules through libseccomp's own compiler, for one architecture set.
std::vector<sock_filter> libseccomp_program(const SeccompFilterSpec& spec) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(spec.default_errno_return.value_or(1)));
  seccomp_arch_add(context, SCMP_ARCH_X86);
  for (const SeccompRule& one : spec.rules) {
    const uint32_t action =
        one.action == "SCMP_ACT_ALLOW" ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(one.errno_return.value_or(1));
    for (const std::string& name : one.names)
      seccomp_rule_add(context, action, seccomp_syscall_resolve_name(name.c_str()), 0);
  }
  const Fd file = sys::memfd_create("bpf", 0).value();
  REQUIRE(seccomp_export_bpf(context, file.get()) == 0);
  seccomp_release(context);
  ::lseek(file.get(), 0, SEEK_SET);
  return instructions(read_fd(file.get()).value());
}

}  // namespace

TEST_CASE("the answers are libseccomp's for every number of both architectures") {
  // Every third call that libseccomp knows, so that ranges and gaps of all lengths occur.
  SeccompFilterSpec spec = allow_list({rule({}, "SCMP_ACT_ALLOW"), rule({}, "SCMP_ACT_ERRNO", {}, 13)});
  for (int number = 0; number < 450; ++number) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
    if (name == nullptr) continue;
    if (number % 3 == 0 || number % 7 < 3)
      spec.rules[0].names.emplace_back(name);
    else if (number % 5 == 0)
      spec.rules[1].names.emplace_back(name);
    free(name);
  }
  const auto theirs = libseccomp_program(spec);
  const auto ours = instructions(compile_filter(spec).value().bytes);
  CHECK(ours.size() < theirs.size());
  int compared = 0;
  for (const uint32_t arch : std::vector<uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386}) {
    for (uint32_t number = 0; number < 600; ++number) {
      const Call call = {number, {1}, arch};
      if (run_filter(ours, call) == run_filter(theirs, call))
        ++compared;
      else
        FAIL_CHECK("arch " << arch << " number " << number << ": ours "
                           << verdict_text(run_filter(ours, call)) << ", theirs "
                           << verdict_text(run_filter(theirs, call)));
    }
  }
  CHECK(compared == 1200);
}
