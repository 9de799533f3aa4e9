#include <cstdio>

#include "cgroups/devices.h"

namespace cgroups {
namespace {

// As the kernel's verifier prints registers: w is the lower half of r.
std::string reg(unsigned number, char letter = 'w') {
  return letter + std::to_string(number);
}

std::string hex(int32_t value) {
  char text[16];  // NOLINT(modernize-avoid-c-arrays): for snprintf
  std::snprintf(text, sizeof text, "0x%x", static_cast<unsigned>(value));
  return text;
}

std::string alu_text(const struct bpf_insn& insn) {
  const std::string to = reg(insn.dst_reg);
  const bool from_register = (insn.code & BPF_X) != 0;
  switch (BPF_OP(insn.code)) {
    case BPF_MOV:
      return to + " = " + (from_register ? reg(insn.src_reg) : std::to_string(insn.imm));
    case BPF_AND:
      return to + " &= " + hex(insn.imm);
    case BPF_OR:
      return to + " |= " + (from_register ? reg(insn.src_reg) : hex(insn.imm));
    case BPF_LSH:
      return to + " <<= " + std::to_string(insn.imm);
    case BPF_RSH:
      return to + " >>= " + std::to_string(insn.imm);
    default:
      return "alu " + hex(insn.code);
  }
}

std::string jump_text(const struct bpf_insn& insn, size_t index) {
  std::string target = "goto " + std::to_string(index + 1 + static_cast<size_t>(insn.off));
  const std::string left = reg(insn.dst_reg);
  switch (BPF_OP(insn.code)) {
    case BPF_EXIT:
      return "exit";
    case BPF_JA:
      return target;
    case BPF_JEQ:
      return "if " + left + " == " + hex(insn.imm) + " " + target;
    case BPF_JNE:
      return "if " + left + " != " + hex(insn.imm) + " " + target;
    case BPF_JSET:
      return "if " + left + " & " + hex(insn.imm) + " " + target;
    default:
      return "jump " + hex(insn.code);
  }
}

}  // namespace

std::string disassemble(const std::vector<struct bpf_insn>& program) {
  std::string text;
  for (size_t i = 0; i < program.size(); ++i) {
    const struct bpf_insn& insn = program[i];
    text += std::to_string(i) + ": ";
    switch (BPF_CLASS(insn.code)) {
      case BPF_LDX:
        text += reg(insn.dst_reg, 'r') + " = *(u32 *)(" + reg(insn.src_reg, 'r') + " + " +
                std::to_string(insn.off) + ")";
        break;
      case BPF_ALU:
        text += alu_text(insn);
        break;
      default:
        text += jump_text(insn, i);
    }
    text += "\n";
  }
  return text;
}

}  // namespace cgroups
