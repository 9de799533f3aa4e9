#include "security/syscall_numbers.h"

#include <linux/audit.h>
#include <seccomp.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "base/strings.h"

namespace security {
namespace {

struct NewCall {
  std::string_view name;
  uint32_t number;
};

// Since Linux 5.1 a new call has the same number everywhere. Source: the kernel's
// arch/x86/entry/syscalls/syscall_64.tbl and scripts/syscall.tbl, up to 6.19.
constexpr auto kNewCalls = std::to_array<NewCall>({
    {"futex_waitv", 449},       {"set_mempolicy_home_node", 450},
    {"cachestat", 451},         {"fchmodat2", 452},
    {"map_shadow_stack", 453},  {"futex_wake", 454},
    {"futex_wait", 455},        {"futex_requeue", 456},
    {"statmount", 457},         {"listmount", 458},
    {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},  {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},
    {"listxattrat", 465},       {"removexattrat", 466},
    {"open_tree_attr", 467},    {"file_getattr", 468},
    {"file_setattr", 469},      {"listns", 470},
});

constexpr auto kNewAmd64Calls = std::to_array<NewCall>({{"uretprobe", 335}, {"uprobe", 336}});

// Calls that i386 got of their own in Linux 4.3 and 5.1 (syscall_32.tbl). libseccomp knows them, but its
// interface gives only a pseudo number that stands for both doors.
constexpr auto kI386DirectCalls = std::to_array<NewCall>({
    {"socket", 359},  {"socketpair", 360}, {"bind", 361},       {"connect", 362},     {"listen", 363},
    {"accept4", 364}, {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367}, {"getpeername", 368},
    {"sendto", 369},  {"sendmsg", 370},    {"recvfrom", 371},   {"recvmsg", 372},     {"shutdown", 373},
    {"semget", 393},  {"semctl", 394},     {"shmget", 395},     {"shmctl", 396},      {"shmat", 397},
    {"shmdt", 398},   {"msgget", 399},     {"msgsnd", 400},     {"msgrcv", 401},      {"msgctl", 402},
});

// linux/net.h SYS_* and linux/ipc.h: the first argument of socketcall(2) and ipc(2).
constexpr uint32_t kSocketcall = 102;
constexpr uint32_t kIpc = 117;
constexpr auto kSocketcallCalls = std::to_array<NewCall>({
    {"socket", 1},      {"bind", 2},        {"connect", 3},    {"listen", 4},      {"accept", 5},
    {"getsockname", 6}, {"getpeername", 7}, {"socketpair", 8}, {"send", 9},        {"recv", 10},
    {"sendto", 11},     {"recvfrom", 12},   {"shutdown", 13},  {"setsockopt", 14}, {"getsockopt", 15},
    {"sendmsg", 16},    {"recvmsg", 17},    {"accept4", 18},   {"recvmmsg", 19},   {"sendmmsg", 20},
});
constexpr auto kIpcCalls = std::to_array<NewCall>({
    {"semop", 1},
    {"semget", 2},
    {"semctl", 3},
    {"semtimedop", 4},
    {"msgsnd", 11},
    {"msgrcv", 12},
    {"msgget", 13},
    {"msgctl", 14},
    {"shmat", 21},
    {"shmdt", 22},
    {"shmget", 23},
    {"shmctl", 24},
});

template <size_t size>
std::optional<uint32_t> find(const std::array<NewCall, size>& table, std::string_view name) {
  for (const NewCall& call : table)
    if (call.name == name) return call.number;
  return std::nullopt;
}

}  // namespace

Result<Architecture> find_architecture(const std::string& name) {
  constexpr std::string_view kPrefix = "SCMP_ARCH_";
  const bool prefixed = name.compare(0, kPrefix.size(), kPrefix) == 0;
  const std::string short_name = prefixed ? to_lower(name.substr(kPrefix.size())) : "";
  const uint32_t token = short_name.empty() ? 0 : seccomp_arch_resolve_name(short_name.c_str());
  if (token == 0) return invalid("seccomp: unknown architecture \"" + printable(name) + "\"");
  Architecture result;
  result.name = name;
  result.token = token;
  // libseccomp's tokens are the kernel's, but for x32, which the kernel tells from x86-64 by the number
  // alone.
  result.audit_arch = token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token;
  result.number_offset = token == SCMP_ARCH_X32 ? kX32Bit : 0;
  return result;
}

std::string native_go_architecture() {
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return "amd64";
    case SCMP_ARCH_AARCH64:
      return "arm64";
    case SCMP_ARCH_RISCV64:
      return "riscv64";
    case SCMP_ARCH_PPC64LE:
      return "ppc64le";
    default:
      return "unknown";
  }
}

std::string native_scmp_architecture() {
  switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return "SCMP_ARCH_X86_64";
    case SCMP_ARCH_AARCH64:
      return "SCMP_ARCH_AARCH64";
    case SCMP_ARCH_RISCV64:
      return "SCMP_ARCH_RISCV64";
    case SCMP_ARCH_PPC64LE:
      return "SCMP_ARCH_PPC64LE";
    default:
      return "";
  }
}

std::optional<uint32_t> syscall_number(const Architecture& architecture, const std::string& name) {
  if (architecture.token == SCMP_ARCH_X86) {
    if (const auto direct = find(kI386DirectCalls, name)) return direct;
  }
  const int number = seccomp_syscall_resolve_name_arch(architecture.token, name.c_str());
  if (number >= 0) return static_cast<uint32_t>(number);  // x32's have their bit already
  if (const auto fresh = find(kNewCalls, name)) return *fresh + architecture.number_offset;
  if (architecture.token == SCMP_ARCH_X86_64) return find(kNewAmd64Calls, name);
  return std::nullopt;
}

bool is_known_syscall(const std::string& name) {
  // A call of another architecture has a negative pseudo number; only __NR_SCMP_ERROR is no call at all.
  return seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR || find(kNewCalls, name) ||
         find(kNewAmd64Calls, name);
}

std::string syscall_name(uint32_t number) {
  for (const NewCall& call : kNewCalls)
    if (call.number == number) return std::string(call.name);
  char* name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), static_cast<int>(number));
  if (name == nullptr) return "syscall " + std::to_string(number);
  std::string result = name;
  free(name);  // NOLINT: libseccomp gives malloc(3) memory
  return result;
}

std::optional<Multiplexer> find_multiplexer(const Architecture& architecture, const std::string& name) {
  if (architecture.token != SCMP_ARCH_X86) return std::nullopt;
  if (const auto call = find(kSocketcallCalls, name)) {
    return Multiplexer{"socketcall", kSocketcall, *call, 0xffffffff};
  }
  // ipc(2) keeps an interface version in the upper half of its first argument.
  if (const auto call = find(kIpcCalls, name)) return Multiplexer{"ipc", kIpc, *call, 0xffff};
  return std::nullopt;
}

}  // namespace security
