// v2 has no device files: a cgroup carries an eBPF program that is asked at every open and mknod.
#include <algorithm>
#include <cstdint>
#include <optional>

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
constexpr uint8_t kNumber = BPF_REG_6;  // both in one, as the kernel's dev_t has them

constexpr unsigned kMinorBits = 20;  // include/linux/kdev_t.h MINORBITS

struct bpf_insn instruction(unsigned code, uint8_t to, uint8_t from, int32_t operand) {
  struct bpf_insn insn = {};
  insn.code = static_cast<uint8_t>(code);
  insn.dst_reg = to & 0xfU;
  insn.src_reg = from & 0xfU;
  insn.imm = operand;
  return insn;
}

struct bpf_insn load(uint8_t to, size_t offset) {
  struct bpf_insn insn = instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, 0);
  insn.off = static_cast<int16_t>(offset);
  return insn;
}

struct bpf_insn alu(unsigned operation, uint8_t reg, int32_t operand) {
  return instruction(BPF_ALU | BPF_K | operation, reg, 0, operand);
}

struct bpf_insn alu_from(unsigned operation, uint8_t to, uint8_t from) {
  return instruction(BPF_ALU | BPF_X | operation, to, from, 0);
}

// What one register must be for a rule to match.
struct Condition {
  uint8_t reg;
  uint32_t value;
};

std::optional<Condition> condition_of(const DeviceMatch& match) {
  if (match.major && match.minor) return Condition{kNumber, *match.major << kMinorBits | *match.minor};
  if (match.major) return Condition{kMajor, *match.major};
  if (match.minor) return Condition{kMinor, *match.minor};
  return std::nullopt;
}

// Rules are added from the last to the first. The kernel's verifier walks all ways through a program, at each
// start of a container: so one comparison a rule where that is enough, one for the type of neighbours, and
// one place for each verdict.
class Generator {
 public:
  Generator() {
    constexpr int32_t kTypeMask = 0xffff;  // access_type is access << 16 | type
    constexpr int32_t kAccessShift = 16;
    program_ = {load(kType, offsetof(struct bpf_cgroup_dev_ctx, access_type)),
                alu_from(BPF_MOV, kAccess, kType),
                alu(BPF_AND, kType, kTypeMask),
                alu(BPF_RSH, kAccess, kAccessShift),
                load(kMajor, offsetof(struct bpf_cgroup_dev_ctx, major)),
                load(kMinor, offsetof(struct bpf_cgroup_dev_ctx, minor)),
                alu_from(BPF_MOV, kNumber, kMajor),
                alu(BPF_LSH, kNumber, kMinorBits),
                alu_from(BPF_OR, kNumber, kMinor)};
    // access(2) on a device asks for no bit at all: nothing to deny.
    jump(BPF_JEQ, {kAccess, 0}, to_allow_);
  }

  void add(const ParsedDeviceRule& rule) {
    enter_type(rule.match.type);
    if (is_decided_) return;
    const auto condition = condition_of(rule.match);
    auto& verdict = rule.allow ? to_allow_ : to_deny_;
    if (rule.access == kAllAccess) {
      is_decided_ = !condition;
      jump(condition ? BPF_JEQ : BPF_JA, condition.value_or(Condition{}), verdict);
      return;
    }
    std::vector<size_t> others;
    if (condition) jump(BPF_JNE, *condition, others);
    if (rule.allow) {
      program_.push_back(alu(BPF_AND, kAccess, static_cast<int32_t>(~rule.access)));
      jump(BPF_JEQ, {kAccess, 0}, verdict);
    } else {
      jump(BPF_JSET, {kAccess, rule.access}, verdict);
    }
    land(others);
  }

  // kInvalid when a jump would be too far.
  Result<Program> finish(bool allows_the_rest) && {
    enter_type(0);
    for (const bool allow : {allows_the_rest, !allows_the_rest}) {
      auto& jumps = allow ? to_allow_ : to_deny_;
      if (jumps.empty() && allow != allows_the_rest) continue;  // the verifier refuses what nobody reaches
      land(jumps);
      program_.push_back(alu(BPF_MOV, kResult, allow ? 1 : 0));
      program_.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0));
    }
    if (program_.size() > INT16_MAX) return invalid("too many device rules");
    return std::move(program_);
  }

 private:
  // Rules that follow are for devices of this type; 0: for all.
  void enter_type(uint32_t type) {
    if (type == type_) return;
    land(other_types_);
    type_ = type;
    is_decided_ = false;
    if (type != 0) jump(BPF_JNE, {kType, type}, other_types_);
  }

  // A jump whose target is not known yet: it is noted in `jumps`, land() fills it in.
  void jump(unsigned operation, const Condition& condition, std::vector<size_t>& jumps) {
    const unsigned jump_class = operation == BPF_JA ? BPF_JMP : BPF_JMP32;
    jumps.push_back(program_.size());
    program_.push_back(
        instruction(jump_class | BPF_K | operation, condition.reg, 0, static_cast<int32_t>(condition.value)));
  }

  void land(std::vector<size_t>& jumps) {
    for (const size_t at : jumps)
      program_[at].off = static_cast<int16_t>(program_.size() - at - 1);
    jumps.clear();
  }

  Program program_;
  std::vector<size_t> to_allow_;
  std::vector<size_t> to_deny_;
  std::vector<size_t> other_types_;
  uint32_t type_ = 0;
  bool is_decided_ = false;  // what is left for this type has no say
};

}  // namespace

Result<Program> device_program(const std::vector<DeviceRule>& rules) {
  std::vector<ParsedDeviceRule> parsed = TRY(parse_device_rules(rules));
  // What comes before the last rule for everything has no say.
  const auto everything = std::find_if(parsed.rbegin(), parsed.rend(),
                                       [](const ParsedDeviceRule& rule) { return rule.is_everything(); });
  Generator generator;
  for (auto rule = parsed.rbegin(); rule != everything; ++rule)
    generator.add(*rule);
  return std::move(generator).finish(everything != parsed.rend() && everything->allow);
}

}  // namespace cgroups
