// A seccomp filter run outside of the kernel: what would it answer to this call? Only what seccomp(2) accepts
// of classic BPF. Lets tests ask about every number, also about calls that must not really be made.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <string>
#include <vector>

#include "security/filter.h"

inline constexpr uint64_t kUpperHalf = uint64_t{1} << 32U;  // of an argument, the lowest bit

struct Call {
  uint32_t number = 0;
  std::vector<uint64_t> arguments;
  uint32_t arch = AUDIT_ARCH_X86_64;
};

std::vector<sock_filter> instructions(const std::string& bytes);
// The verdict; steps, when given, is the number of instructions it took.
uint32_t run_filter(const std::vector<sock_filter>& program, const Call& call, int* steps = nullptr);

// "allow", "errno 38", "kill", ...
std::string verdict_text(uint32_t verdict);
// What the kernel makes of several filters: the strictest answer, the later filter's among equals.
std::string run_filters(const std::vector<security::FilterProgram>& programs, const Call& call);
