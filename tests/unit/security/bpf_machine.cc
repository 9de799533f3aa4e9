#include "tests/unit/security/bpf_machine.h"

#include <cstring>

namespace {

bool compare(uint16_t operation, uint32_t left, uint32_t right) {
  switch (operation) {
    case BPF_JEQ:
      return left == right;
    case BPF_JGT:
      return left > right;
    case BPF_JGE:
      return left >= right;
    default:  // BPF_JSET
      return (left & right) != 0;
  }
}

int32_t rank(uint32_t verdict) {
  return static_cast<int32_t>(verdict & SECCOMP_RET_ACTION_FULL);
}

}  // namespace

std::vector<sock_filter> instructions(const std::string& bytes) {
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  return program;
}

uint32_t run_filter(const std::vector<sock_filter>& program, const Call& call, int* steps) {
  seccomp_data data = {};
  data.nr = static_cast<int>(call.number);
  data.arch = call.arch;
  for (size_t i = 0; i < call.arguments.size(); ++i)
    data.args[i] = call.arguments[i];
  uint32_t accumulator = 0;
  int count = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& code = program[at];
    ++count;
    switch (BPF_CLASS(code.code)) {
      case BPF_LD:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + code.k, sizeof accumulator);
        break;
      case BPF_ALU:
        accumulator &= code.k;
        break;
      case BPF_JMP:
        if (BPF_OP(code.code) == BPF_JA) {
          at += code.k;
        } else {
          at += compare(BPF_OP(code.code), accumulator, code.k) ? code.jt : code.jf;
        }
        break;
      case BPF_RET:
        if (steps != nullptr) *steps = count;
        return code.k;
      default:
        return 0xdead;
    }
  }
  return 0xdead;
}

std::string verdict_text(uint32_t verdict) {
  const std::string data = std::to_string(verdict & SECCOMP_RET_DATA);
  switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
      return "allow";
    case SECCOMP_RET_ERRNO:
      return "errno " + data;
    case SECCOMP_RET_KILL_THREAD:
      return "kill thread";
    case SECCOMP_RET_KILL_PROCESS:
      return "kill process";
    case SECCOMP_RET_TRAP:
      return "trap";
    case SECCOMP_RET_TRACE:
      return "trace " + data;
    case SECCOMP_RET_LOG:
      return "log";
    case SECCOMP_RET_USER_NOTIF:
      return "notify";
    default:
      return "verdict " + std::to_string(verdict);
  }
}

std::string run_filters(const std::vector<security::FilterProgram>& programs, const Call& call) {
  uint32_t strictest = SECCOMP_RET_ALLOW;
  for (auto program = programs.rbegin(); program != programs.rend(); ++program) {
    const uint32_t verdict = run_filter(instructions(program->bytes), call);
    if (rank(verdict) < rank(strictest)) strictest = verdict;
  }
  return verdict_text(strictest);
}
