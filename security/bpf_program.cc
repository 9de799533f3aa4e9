#include "security/bpf_program.h"

#include <linux/seccomp.h>

#include <cstddef>
#include <span>

namespace security {
namespace {

using Code = std::vector<sock_filter>;

// Conditional jumps have 8 bits; these two targets are known only when the code around is complete.
constexpr uint8_t kNext = 0;
constexpr uint8_t kHolds = 254;  // behind this test
constexpr uint8_t kFails = 255;  // behind this clause

sock_filter statement(unsigned code, uint32_t k) {
  return {static_cast<uint16_t>(code), 0, 0, k};
}
sock_filter jump(unsigned operation, uint32_t k, uint8_t if_true, uint8_t if_false) {
  return {static_cast<uint16_t>(BPF_JMP | operation | BPF_K), if_true, if_false, k};
}
sock_filter load(size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter answer(uint32_t verdict) {
  return statement(BPF_RET | BPF_K, verdict);
}
void append(Code& code, const Code& more) {
  code.insert(code.end(), more.begin(), more.end());
}

uint32_t low(uint64_t value) {
  return static_cast<uint32_t>(value);
}
uint32_t high(uint64_t value) {
  return static_cast<uint32_t>(value >> 32U);
}

// seccomp_data.args are 64 bits in the machine's order; a filter loads 32 at a time.
sock_filter load_half(uint32_t index, bool upper) {
  const bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  const size_t offset = offsetof(seccomp_data, args) + index * sizeof(uint64_t);
  return load(offset + (upper == little_endian ? sizeof(uint32_t) : 0));
}

Code equality(const ArgumentTest& test, bool wanted) {
  const uint8_t differs = wanted ? kFails : kHolds;
  const uint8_t same = wanted ? kNext : kFails;
  Code code;
  if (!test.low_half_only) {
    code.push_back(load_half(test.index, true));
    code.push_back(jump(BPF_JEQ, high(test.value), kNext, differs));
  }
  code.push_back(load_half(test.index, false));
  code.push_back(jump(BPF_JEQ, low(test.value), same, wanted ? kFails : kNext));
  return code;
}

Code masked_equality(const ArgumentTest& test) {
  Code code;
  const auto half = [&](bool upper, uint32_t mask, uint32_t value) {
    if (mask == 0 && value == 0) return;
    code.push_back(load_half(test.index, upper));
    code.push_back(statement(BPF_ALU | BPF_AND | BPF_K, mask));
    code.push_back(jump(BPF_JEQ, value, kNext, kFails));
  };
  if (!test.low_half_only) half(true, high(test.mask), high(test.value));
  half(false, low(test.mask), low(test.value));
  return code;
}

// `or_equal`: >= instead of >; `wanted` false negates it into < or <=.
Code order(const ArgumentTest& test, bool or_equal, bool wanted) {
  const uint8_t above = wanted ? kHolds : kFails;
  const uint8_t below = wanted ? kFails : kHolds;
  Code code;
  if (!test.low_half_only) {
    code.push_back(load_half(test.index, true));
    code.push_back(jump(BPF_JGT, high(test.value), above, kNext));
    code.push_back(jump(BPF_JEQ, high(test.value), kNext, below));
  }
  code.push_back(load_half(test.index, false));
  code.push_back(
      jump(or_equal ? BPF_JGE : BPF_JGT, low(test.value), wanted ? kNext : kFails, wanted ? kFails : kNext));
  return code;
}

Code test_code(const ArgumentTest& test) {
  switch (test.comparison) {
    case Comparison::kEqual:
      return equality(test, true);
    case Comparison::kNotEqual:
      return equality(test, false);
    case Comparison::kMaskedEqual:
      return masked_equality(test);
    case Comparison::kGreater:
      return order(test, false, true);
    case Comparison::kGreaterOrEqual:
      return order(test, true, true);
    case Comparison::kLess:
      return order(test, true, false);
    case Comparison::kLessOrEqual:
      return order(test, false, false);
  }
  return {};
}

// Replaces one symbolic target by the distance to `target`.
void resolve(Code& code, uint8_t symbol, size_t from, size_t target) {
  for (size_t i = from; i < target && i < code.size(); ++i) {
    if (BPF_CLASS(code[i].code) != BPF_JMP) continue;
    const auto distance = static_cast<uint8_t>(target - i - 1);
    if (code[i].jt == symbol) code[i].jt = distance;
    if (code[i].jf == symbol) code[i].jf = distance;
  }
}

Code clause_code(const Clause& clause) {
  Code code;
  for (const ArgumentTest& test : clause.tests) {
    const size_t start = code.size();
    append(code, test_code(test));
    resolve(code, kHolds, start, code.size());
  }
  code.push_back(answer(clause.verdict));
  resolve(code, kFails, 0, code.size());
  return code;
}

Code decision_code(const Decision& decision) {
  Code code;
  for (const Clause& clause : decision.clauses)
    append(code, clause_code(clause));
  code.push_back(answer(decision.otherwise));
  return code;
}

struct Range {
  uint32_t first = 0;
  const Decision* decision = nullptr;  // in the table
};

// The whole number line, cut where the answer changes.
std::vector<Range> make_ranges(const CallTable& table) {
  std::vector<Range> ranges;
  const auto add = [&](uint32_t first, const Decision& decision) {
    if (!ranges.empty() && *ranges.back().decision == decision) return;
    ranges.push_back({first, &decision});
  };
  uint32_t next = 0;
  const uint32_t end = table.closed_from.value_or(UINT32_MAX);
  ranges.reserve(table.calls.size() * 2);
  for (const auto& [number, decision] : table.calls) {
    if (number >= end) break;
    if (number > next) add(next, table.unlisted);
    add(number, decision);
    next = number + 1;
  }
  add(next, table.unlisted);
  if (table.closed_from) add(*table.closed_from, table.closed);
  return ranges;
}

// A balanced search with the number in the accumulator, all of whose jumps fit into 8 bits: the comparisons
// first, then each distinct answer once. Half as long as a tree with an answer at every leaf.
class SearchBlock {
 public:
  explicit SearchBlock(std::span<const Range> ranges) : ranges_(ranges) { (void)add(0, ranges.size()); }

  // nullopt when a jump is too far: the block has to be split.
  std::optional<Code> code() const {
    Code code;
    Code bodies;
    std::vector<size_t> answer_starts(answers_.size());
    // Answers without tests are one instruction: in front, they are near to all.
    for (const bool with_tests : {false, true}) {
      for (size_t i = 0; i < answers_.size(); ++i) {
        if (answers_[i]->clauses.empty() == with_tests) continue;
        answer_starts[i] = nodes_.size() + bodies.size();
        append(bodies, decision_code(*answers_[i]));
      }
    }
    const auto distance = [&](Target target, size_t from) {
      return (target.is_answer ? answer_starts[target.index] : target.index) - from - 1;
    };
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const size_t above = distance(nodes_[i].above, i);
      const size_t below = distance(nodes_[i].below, i);
      if (above > UINT8_MAX || below > UINT8_MAX) return std::nullopt;
      code.push_back(
          jump(BPF_JGE, nodes_[i].first, static_cast<uint8_t>(above), static_cast<uint8_t>(below)));
    }
    append(code, bodies);
    return code;
  }

 private:
  struct Target {
    bool is_answer = false;
    size_t index = 0;
  };
  struct Node {
    uint32_t first = 0;
    Target below;
    Target above;
  };

  // Nodes are in preorder, so that every jump goes forward, as classic BPF wants.
  Target add(size_t begin, size_t end) {
    if (end - begin == 1) return {true, answer_index(*ranges_[begin].decision)};
    const size_t middle = begin + (end - begin) / 2;
    const size_t index = nodes_.size();
    nodes_.push_back({ranges_[middle].first, {}, {}});
    const Target below = add(begin, middle);
    const Target above = add(middle, end);
    nodes_[index].below = below;
    nodes_[index].above = above;
    return {false, index};
  }
  size_t answer_index(const Decision& decision) {
    for (size_t i = 0; i < answers_.size(); ++i)
      if (*answers_[i] == decision) return i;
    answers_.push_back(&decision);
    return answers_.size() - 1;
  }

  std::span<const Range> ranges_;
  std::vector<Node> nodes_;
  std::vector<const Decision*> answers_;
};

// One block, or two halves behind a far jump.
Code search_code(std::span<const Range> ranges) {
  if (auto block = SearchBlock(ranges).code()) return *std::move(block);
  const size_t middle = ranges.size() / 2;
  const Code lower = search_code(ranges.first(middle));
  const Code upper = search_code(ranges.subspan(middle));
  Code code = {jump(BPF_JGE, ranges[middle].first, 0, 1),
               statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(lower.size()))};
  append(code, lower);
  append(code, upper);
  return code;
}

}  // namespace

std::vector<sock_filter> generate_bpf(const std::vector<CallTable>& tables, uint32_t foreign_verdict) {
  Code code = {load(offsetof(seccomp_data, arch))};
  for (const CallTable& table : tables) {
    Code body = {load(offsetof(seccomp_data, nr))};
    const std::vector<Range> ranges = make_ranges(table);
    append(body, search_code(ranges));
    // Skipping a table may be farther than 8 bits reach.
    code.push_back(jump(BPF_JEQ, table.audit_arch, 1, 0));
    code.push_back(statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(body.size())));
    append(code, body);
  }
  code.push_back(answer(foreign_verdict));
  return code;
}

}  // namespace security
