// Writes the classic BPF program of a seccomp filter (seccomp(2), the kernel's
// Documentation/userspace-api/seccomp_filter.rst) from tables of decisions. Neighbouring numbers with the
// same answer become one range, and ranges are found by a balanced search: both make the program short, and
// the kernel's load time, which runs it once for every call number, is the time of a container's start.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace security {

enum class Comparison { kNotEqual, kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater, kMaskedEqual };

struct ArgumentTest {
  uint32_t index = 0;  // 0..5
  Comparison comparison = Comparison::kEqual;
  uint64_t value = 0;
  uint64_t mask = ~uint64_t{0};  // for kMaskedEqual
  // The kernel takes this argument as 32 bits: so do we, or a caller could change the answer with a bit that
  // the kernel then ignores (CVE-2019-10063).
  bool low_half_only = false;
  bool operator==(const ArgumentTest&) const = default;
};

// All tests must hold for the verdict (SECCOMP_RET_* with data).
struct Clause {
  std::vector<ArgumentTest> tests;
  uint32_t verdict = 0;
  bool operator==(const Clause&) const = default;
};

// The first clause that holds decides, or else `otherwise`.
struct Decision {
  std::vector<Clause> clauses;
  uint32_t otherwise = 0;
  bool operator==(const Decision&) const = default;
};

// The calls of one seccomp_data.arch.
struct CallTable {
  uint32_t audit_arch = 0;
  std::vector<std::pair<uint32_t, Decision>> calls;  // sorted by number, each once
  Decision unlisted;
  // From this number on nothing is looked up (x32's numbers, which share x86-64's audit_arch).
  std::optional<uint32_t> closed_from;
  Decision closed;
};

// `foreign_verdict` is for an architecture that has no table. The order of the tables is the order of the
// tests: the native one first.
std::vector<sock_filter> generate_bpf(const std::vector<CallTable>& tables, uint32_t foreign_verdict);

}  // namespace security
