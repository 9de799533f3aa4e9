// v2 has no device files: a cgroup carries an eBPF program that is asked at every open and mknod.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "cgroups/device_match.h"
#include "cgroups/devices.h"

namespace cgroups {
namespace {

using Program = std::vector<struct bpf_insn>;

// The program's registers: what is asked, taken from struct bpf_cgroup_dev_ctx once.
constexpr uint8_t kResult = BPF_REG_0;
constexpr uint8_t kContext = BPF_REG_1;
constexpr uint8_t kType = BPF_REG_2;
constexpr uint8_t kAccess = BPF_REG_3;  // the asked bits that no rule has allowed yet
constexpr uint8_t kMajor = BPF_REG_4;
constexpr uint8_t kMinor = BPF_REG_5;

struct bpf_insn load(uint8_t to, size_t offset) {
  struct bpf_insn insn = {};
  insn.code = BPF_LDX | BPF_MEM | BPF_W;
  insn.dst_reg = to & 0xfU;
  insn.src_reg = kContext;
  insn.off = static_cast<int16_t>(offset);
  return insn;
}

struct bpf_insn alu(uint8_t operation, uint8_t reg, int32_t operand) {
  struct bpf_insn insn = {};
  insn.code = static_cast<uint8_t>(BPF_ALU | BPF_K | operation);
  insn.dst_reg = reg & 0xfU;
  insn.imm = operand;
  return insn;
}

struct bpf_insn copy(uint8_t to, uint8_t from) {
  struct bpf_insn insn = {};
  insn.code = BPF_ALU | BPF_X | BPF_MOV;
  insn.dst_reg = to & 0xfU;
  insn.src_reg = from & 0xfU;
  return insn;
}

struct bpf_insn jump(uint8_t condition, uint8_t reg, int32_t operand, size_t skip) {
  struct bpf_insn insn = {};
  insn.code = static_cast<uint8_t>(BPF_JMP | BPF_K | condition);
  insn.dst_reg = reg & 0xfU;
  insn.off = static_cast<int16_t>(skip);
  insn.imm = operand;
  return insn;
}

void add_verdict(bool allow, Program& program) {
  program.push_back(alu(BPF_MOV, kResult, allow ? 1 : 0));
  struct bpf_insn exit_insn = {};
  exit_insn.code = BPF_JMP | BPF_EXIT;
  program.push_back(exit_insn);
}

void add_prologue(Program& program) {
  constexpr int32_t kTypeMask = 0xffff;  // access_type is access << 16 | type
  constexpr int32_t kAccessShift = 16;
  program.push_back(load(kType, offsetof(struct bpf_cgroup_dev_ctx, access_type)));
  program.push_back(copy(kAccess, kType));
  program.push_back(alu(BPF_AND, kType, kTypeMask));
  program.push_back(alu(BPF_RSH, kAccess, kAccessShift));
  program.push_back(load(kMajor, offsetof(struct bpf_cgroup_dev_ctx, major)));
  program.push_back(load(kMinor, offsetof(struct bpf_cgroup_dev_ctx, minor)));
  // access(2) on a device asks for no bit at all: nothing to deny.
  program.push_back(jump(BPF_JNE, kAccess, 0, 2));
  add_verdict(true, program);
}

// One rule; whoever does not match jumps behind it.
void add_rule(const ParsedDeviceRule& rule, Program& program) {
  Program verdict;
  const auto access = static_cast<int32_t>(rule.access);
  if (rule.allow) {
    verdict.push_back(alu(BPF_AND, kAccess, ~access));
    verdict.push_back(jump(BPF_JNE, kAccess, 0, 2));
  } else {
    verdict.push_back(jump(BPF_JSET, kAccess, access, 1));
    verdict.push_back(jump(BPF_JA, 0, 0, 2));
  }
  add_verdict(rule.allow, verdict);
  struct Condition {
    uint8_t reg;
    std::optional<uint32_t> value;
  };
  const auto type = rule.match.type != 0 ? std::optional<uint32_t>(rule.match.type) : std::nullopt;
  std::vector<Condition> conditions;
  for (const Condition& condition :
       {Condition{kType, type}, Condition{kMajor, rule.match.major}, Condition{kMinor, rule.match.minor}}) {
    if (condition.value) conditions.push_back(condition);
  }
  size_t left = conditions.size() + verdict.size();
  for (const Condition& condition : conditions)
    program.push_back(jump(BPF_JNE, condition.reg, static_cast<int32_t>(*condition.value), --left));
  program.insert(program.end(), verdict.begin(), verdict.end());
}

long bpf(int command, union bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

uint64_t address(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

// The verifier explains itself only when asked, and asking costs; so ask after it has said no.
Result<Fd> load_program(const Program& program) {
  static constexpr char kLicense[] = "vial";
  union bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = address(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = address(kLicense);
  std::memcpy(attributes.prog_name, "vial_devices", sizeof "vial_devices");
  Fd fd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (fd) return fd;
  const int error_number = errno;
  std::string log(size_t{1} << 16U, '\0');
  attributes.log_buf = address(log.data());
  attributes.log_size = static_cast<uint32_t>(log.size());
  attributes.log_level = 1;
  fd = Fd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (fd) return fd;
  log.resize(std::strlen(log.c_str()));
  const std::string_view words = trim(log);
  const std::string last_line(words.substr(words.rfind('\n') + 1));
  return Error::from_errno(
      "bpf BPF_PROG_LOAD device rules" + (last_line.empty() ? "" : " (" + last_line + ")"), error_number);
}

}  // namespace

Result<Program> device_program(const std::vector<DeviceRule>& rules) {
  std::vector<ParsedDeviceRule> parsed = TRY(parse_device_rules(rules));
  // What comes before the last rule for everything has no say.
  const auto everything = std::find_if(parsed.rbegin(), parsed.rend(),
                                       [](const ParsedDeviceRule& rule) { return rule.is_everything(); });
  Program program;
  add_prologue(program);
  for (auto rule = parsed.rbegin(); rule != everything; ++rule)
    add_rule(*rule, program);
  add_verdict(everything != parsed.rend() && everything->allow, program);
  return program;
}

Result<void> attach_device_program(int cgroup_fd, const Program& program) {
  const Fd program_fd = TRY(load_program(program));
  union bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(cgroup_fd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program_fd.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attributes) < 0)
    return Error::from_errno("bpf BPF_PROG_ATTACH device rules", errno);
  return ok();
}

}  // namespace cgroups
