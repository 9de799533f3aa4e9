#include "cgroups/devices.h"

#include <catch2/catch.hpp>
#include <random>

#include "cgroups/device_match.h"
#include "tests/unit/cgroups/random_device_rules.h"

using cgroups::DeviceRule;

namespace {

// An interpreter of the few instructions that the generator uses. Returns -1 for what it does not know, a
// jump out of the program, or a register that was never written.
class Machine {
 public:
  Machine(const std::vector<struct bpf_insn>& program, const struct bpf_cgroup_dev_ctx& context)
      : program_(program), context_(context) {}

  int run() {
    for (size_t at = 0; at < program_.size();) {
      const struct bpf_insn& insn = program_[at++];
      const auto reg = static_cast<size_t>(insn.dst_reg);
      const auto operand = static_cast<uint32_t>(insn.imm);
      switch (insn.code) {
        case BPF_LDX | BPF_MEM | BPF_W:
          if (insn.src_reg != 1 || insn.off % 4 != 0 || insn.off > 8) return -1;
          regs_.at(reg) = reinterpret_cast<const uint32_t*>(&context_)[insn.off / 4];
          break;
        case BPF_ALU | BPF_X | BPF_MOV:
          regs_.at(reg) = regs_.at(insn.src_reg);
          break;
        case BPF_ALU | BPF_K | BPF_MOV:
          regs_.at(reg) = operand;
          break;
        case BPF_ALU | BPF_K | BPF_AND:
          regs_.at(reg) &= operand;
          break;
        case BPF_ALU | BPF_X | BPF_OR:
          regs_.at(reg) |= regs_.at(insn.src_reg);
          break;
        case BPF_ALU | BPF_K | BPF_LSH:
          regs_.at(reg) <<= operand;
          break;
        case BPF_ALU | BPF_K | BPF_RSH:
          regs_.at(reg) >>= operand;
          break;
        case BPF_JMP | BPF_JA:
          at += static_cast<size_t>(insn.off);
          break;
        case BPF_JMP32 | BPF_K | BPF_JEQ:
          if (regs_.at(reg) == operand) at += static_cast<size_t>(insn.off);
          break;
        case BPF_JMP32 | BPF_K | BPF_JNE:
          if (regs_.at(reg) != operand) at += static_cast<size_t>(insn.off);
          break;
        case BPF_JMP32 | BPF_K | BPF_JSET:
          if ((regs_.at(reg) & operand) != 0) at += static_cast<size_t>(insn.off);
          break;
        case BPF_JMP | BPF_EXIT:
          return static_cast<int>(regs_[0]);
        default:
          return -1;
      }
    }
    return -1;
  }

 private:
  const std::vector<struct bpf_insn>& program_;
  const struct bpf_cgroup_dev_ctx& context_;
  std::array<uint32_t, 11> regs_{};
};

struct Question {
  uint32_t type;
  uint32_t major;
  uint32_t minor;
  uint32_t access;
};

bool answer(const std::vector<struct bpf_insn>& program, const Question& question) {
  const struct bpf_cgroup_dev_ctx context = {question.access << 16U | question.type, question.major,
                                             question.minor};
  const int result = Machine(program, context).run();
  REQUIRE((result == 0 || result == 1));
  return result == 1;
}

// The rule in words: for each asked bit the last rule that covers it decides, and none means no.
bool expected(const std::vector<cgroups::ParsedDeviceRule>& rules, const Question& question) {
  for (const uint32_t bit : {BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE}) {
    if ((question.access & bit) == 0) continue;
    bool allowed = false;
    for (const auto& rule : rules) {
      const bool matches = (rule.match.type == 0 || rule.match.type == question.type) &&
                           rule.match.major.value_or(question.major) == question.major &&
                           rule.match.minor.value_or(question.minor) == question.minor &&
                           (rule.access & bit) != 0;
      if (matches) allowed = rule.allow;
    }
    if (!allowed) return false;
  }
  return true;
}

const std::vector<DeviceRule> kDockerRules = {
    {false, 'a', {}, {}, "rwm"}, {true, 'c', {}, {}, "m"}, {true, 'b', {}, {}, "m"},
    {true, 'c', 1, 3, "rwm"},    {true, 'c', 1, 5, "rwm"}, {true, 'c', 5, 0, "rwm"},
    {true, 'c', 136, -1, "rwm"},
};

constexpr uint32_t kR = BPF_DEVCG_ACC_READ;
constexpr uint32_t kW = BPF_DEVCG_ACC_WRITE;
constexpr uint32_t kM = BPF_DEVCG_ACC_MKNOD;
constexpr uint32_t kC = BPF_DEVCG_DEV_CHAR;
constexpr uint32_t kB = BPF_DEVCG_DEV_BLOCK;

std::vector<std::string> v1(const std::vector<DeviceRule>& rules) {
  const auto writes = cgroups::v1_device_writes(rules);
  REQUIRE(writes);
  std::vector<std::string> result;
  for (const auto& write : *writes)
    result.push_back(write.file + "=" + write.text);
  return result;
}

}  // namespace

TEST_CASE("device program: docker's rules") {
  const auto program = cgroups::device_program(kDockerRules);
  REQUIRE(program);
  CHECK(answer(*program, {kC, 1, 3, kR | kW}));
  CHECK(answer(*program, {kC, 136, 77, kR | kW}));
  CHECK(answer(*program, {kB, 254, 0, kM}));
  CHECK_FALSE(answer(*program, {kB, 254, 0, kR}));
  CHECK_FALSE(answer(*program, {kC, 1, 1, kR}));
  CHECK_FALSE(answer(*program, {kC, 1, 4, kM | kR}));
  CHECK(answer(*program, {kB, 254, 0, 0}));  // access(2): nothing asked
}

TEST_CASE("device program: no rules deny, a last rule for everything decides alone") {
  CHECK_FALSE(answer(*cgroups::device_program({}), {kC, 1, 3, kR}));
  const auto open = cgroups::device_program({{false, 'c', 1, 3, "rwm"}, {true, 'a', {}, {}, ""}});
  REQUIRE(open);
  CHECK(answer(*open, {kC, 1, 3, kR | kW | kM}));
  CHECK_THAT(cgroups::disassemble(*open),
             Catch::Contains("r2 = *(u32 *)(r1 + 0)") && Catch::EndsWith("exit\n"));
}

// spec: config-linux.md#resources.devices
TEST_CASE("device program: the last rule that covers a bit decides, for random rules and questions") {
  std::mt19937 random(20261123);
  for (int round = 0; round < 300; ++round) {
    const auto rules = random_device_rules(random);
    const auto parsed = cgroups::parse_device_rules(rules);
    const auto program = cgroups::device_program(rules);
    REQUIRE(parsed);
    REQUIRE(program);
    for (const uint32_t type : {kB, kC}) {
      for (uint32_t number = 0; number < 9; ++number) {
        for (uint32_t access = 1; access < 8; ++access) {
          const Question question = {type, number / 3, number % 3, access};
          REQUIRE(answer(*program, question) == expected(*parsed, question));
        }
      }
    }
  }
}

TEST_CASE("device program: what the verifier has to look at stays little") {
  const auto program = cgroups::device_program(kDockerRules);
  REQUIRE(program);
  size_t branches = 0;
  for (const auto& insn : *program) {
    const bool jumps = BPF_CLASS(insn.code) == BPF_JMP32 || BPF_CLASS(insn.code) == BPF_JMP;
    if (jumps && BPF_OP(insn.code) != BPF_EXIT && BPF_OP(insn.code) != BPF_JA) ++branches;
  }
  CHECK(branches <= kDockerRules.size() + 4);  // one a rule, the types, and the question for nothing
}

TEST_CASE("device program: no jump is too far") {
  std::vector<DeviceRule> rules;
  for (int number = 0; number < 10'000; ++number)
    rules.push_back({true, number % 2 == 0 ? 'b' : 'c', number % 4096, number, "r"});
  const auto program = cgroups::device_program(rules);
  REQUIRE_FALSE(program);
  CHECK(program.error().text() == "too many device rules");
  rules.resize(8'000);
  const auto fits = cgroups::device_program(rules);
  REQUIRE(fits);
  CHECK(answer(*fits, {kC, 7, 7, kR}));
  CHECK(answer(*fits, {kB, 3902, 7998, kR}));
  CHECK_FALSE(answer(*fits, {kC, 7, 8, kR}));
}

TEST_CASE("device rules: hostile values") {
  for (const DeviceRule& bad : {DeviceRule{true, 'x', 1, 3, "r"}, DeviceRule{true, 'c', 1, 3, "rx"},
                                DeviceRule{true, 'c', 4096, 3, "r"}, DeviceRule{true, 'c', 1, 1 << 20, "r"},
                                DeviceRule{true, 'p', {}, {}, ""}}) {
    CHECK(cgroups::device_program({bad}).error().kind() == ErrorKind::kInvalid);
    CHECK(cgroups::v1_device_writes({bad}).error().kind() == ErrorKind::kInvalid);
  }
  CHECK_FALSE(cgroups::device_program(std::vector<DeviceRule>(10'001)));
}

TEST_CASE("v1 devices: deny all, then the exceptions") {
  CHECK(v1(kDockerRules) == std::vector<std::string>{"devices.deny=a", "devices.allow=c *:* m",
                                                     "devices.allow=b *:* m", "devices.allow=c 1:3 rwm",
                                                     "devices.allow=c 1:5 rwm", "devices.allow=c 5:0 rwm",
                                                     "devices.allow=c 136:* rwm"});
  CHECK(v1({{true, 'a', {}, {}, "rwm"}}) == std::vector<std::string>{"devices.allow=a"});
  CHECK(v1({{true, 'a', 7, {}, "r"}}) ==
        std::vector<std::string>{"devices.deny=a", "devices.allow=b 7:* r", "devices.allow=c 7:* r"});
}

TEST_CASE("v1 devices: a later rule takes a whole exception back, never silently half of one") {
  CHECK(v1({{true, 'c', 1, 3, "rwm"}, {false, 'c', 1, {}, "w"}}) ==
        std::vector<std::string>{"devices.deny=a", "devices.allow=c 1:3 rm"});
  CHECK(v1({{true, 'c', 1, 3, "rw"}, {false, 'c', 1, 3, "rw"}}) ==
        std::vector<std::string>{"devices.deny=a"});
  CHECK(v1({{true, 'c', 1, 3, "r"}, {true, 'c', 1, 3, "w"}}) ==
        std::vector<std::string>{"devices.deny=a", "devices.allow=c 1:3 rw"});
  const auto half = cgroups::v1_device_writes({{true, 'c', 1, {}, "rwm"}, {false, 'c', 1, 3, "w"}});
  REQUIRE_FALSE(half);
  CHECK(half.error().kind() == ErrorKind::kUnsupported);
  CHECK(v1({{true, 'a', {}, {}, "rwm"}, {false, 'b', 8, {}, "rwm"}}) ==
        std::vector<std::string>{"devices.allow=a", "devices.deny=b 8:* rwm"});
}
