#include "security/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/strings.h"
#include "security/bpf_program.h"
#include "security/syscall_numbers.h"

namespace security {
namespace {

constexpr uint32_t kMaxErrno = 4095;  // include/linux/err.h MAX_ERRNO

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

constexpr auto kActions = std::to_array<Named<uint32_t>>({
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
});

constexpr auto kComparisons = std::to_array<Named<Comparison>>({
    {"SCMP_CMP_NE", Comparison::kNotEqual},
    {"SCMP_CMP_LT", Comparison::kLess},
    {"SCMP_CMP_LE", Comparison::kLessOrEqual},
    {"SCMP_CMP_EQ", Comparison::kEqual},
    {"SCMP_CMP_GE", Comparison::kGreaterOrEqual},
    {"SCMP_CMP_GT", Comparison::kGreater},
    {"SCMP_CMP_MASKED_EQ", Comparison::kMaskedEqual},
});

// TSYNC is accepted and dropped: the process that loads a filter has one thread.
constexpr auto kFlags = std::to_array<Named<unsigned>>({
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1U << 5U},  // linux/seccomp.h since 5.19
});

// Arguments whose upper half the kernel drops: int, unsigned int or flags that it cuts.
struct IntArgument {
  std::string_view call;
  uint32_t index;
};
constexpr auto kIntArguments = std::to_array<IntArgument>({
    {"socket", 0},       {"socket", 1},     {"socket", 2},     {"socketpair", 0}, {"socketpair", 1},
    {"socketpair", 2},   {"socketcall", 0}, {"ioctl", 0},      {"ioctl", 1},      {"personality", 0},
    {"clone", 0},        {"prctl", 0},      {"fcntl", 0},      {"fcntl", 1},      {"keyctl", 0},
    {"bpf", 0},          {"bpf", 2},        {"setns", 0},      {"setns", 1},      {"setsockopt", 1},
    {"setsockopt", 2},   {"getsockopt", 1}, {"getsockopt", 2}, {"seccomp", 0},    {"seccomp", 1},
    {"memfd_create", 1}, {"openat", 2},     {"open", 1},       {"kill", 1},       {"arch_prctl", 0},
    {"modify_ldt", 0},   {"umount2", 1},    {"ipc", 0},
});

template <typename T, size_t size>
Result<T> find_named(const std::array<Named<T>, size>& table, const char* what, const std::string& name) {
  for (const auto& entry : table)
    if (entry.name == name) return entry.value;
  return invalid(std::string("seccomp: unknown ") + what + " \"" + printable(name) + "\"");
}

Result<uint32_t> parse_verdict(const std::string& action, std::optional<uint32_t> errno_return) {
  const uint32_t base = TRY(find_named(kActions, "action", action));
  if (base != SECCOMP_RET_ERRNO && base != SECCOMP_RET_TRACE) {
    if (errno_return) return invalid("seccomp: " + action + " takes no errnoRet");
    return base;
  }
  const uint32_t data = errno_return.value_or(EPERM);
  if (data > (base == SECCOMP_RET_ERRNO ? kMaxErrno : SECCOMP_RET_DATA)) {
    return invalid("seccomp: errnoRet " + std::to_string(data) + " is out of range");
  }
  return base | data;
}

// The kernel compares actions as signed numbers: smaller is stricter.
int32_t rank(uint32_t verdict) {
  return static_cast<int32_t>(verdict & SECCOMP_RET_ACTION_FULL);
}

bool kernel_takes_32_bits(const std::string& call, uint32_t index) {
  return std::any_of(kIntArguments.begin(), kIntArguments.end(), [&](const IntArgument& argument) {
    return argument.call == call && argument.index == index;
  });
}

Result<ArgumentTest> parse_test(const SeccompArgument& argument, const std::string& call) {
  ArgumentTest test;
  test.comparison = TRY(find_named(kComparisons, "operator", argument.op));
  if (argument.index > 5) {
    return invalid("seccomp: a system call has arguments 0 to 5, not " + std::to_string(argument.index));
  }
  test.index = argument.index;
  test.value = argument.value;
  if (test.comparison == Comparison::kMaskedEqual) {
    test.mask = argument.value;
    test.value = argument.value_two;
  }
  // A value that needs more than 32 bits never equals such an argument; leave it to the full comparison.
  test.low_half_only = test.value <= UINT32_MAX && kernel_takes_32_bits(call, argument.index);
  return test;
}

// The alternatives of one rule: its tests all together, or, when an argument is named twice, each test for
// itself (runc's reading, which profiles rely on, as libseccomp can't AND two tests of one argument).
Result<std::vector<std::vector<ArgumentTest>>> parse_tests(const SeccompRule& rule, const std::string& call) {
  std::array<int, 6> uses = {};
  bool repeated = false;
  std::vector<ArgumentTest> tests;
  tests.reserve(rule.arguments.size());
  for (const SeccompArgument& argument : rule.arguments) {
    tests.push_back(TRY(parse_test(argument, call)));
    repeated = repeated || ++uses[argument.index] > 1;
  }
  if (!repeated) return std::vector<std::vector<ArgumentTest>>{tests};
  std::vector<std::vector<ArgumentTest>> alternatives;
  alternatives.reserve(tests.size());
  for (const ArgumentTest& test : tests)
    alternatives.push_back({test});
  return alternatives;
}

// Decision::otherwise while no rule without tests was seen; no action has this value.
constexpr uint32_t kUndecided = 0x7fffffff;

// Inserts a clause such that the strictest comes first, and equally strict ones stay in the profile's order.
void add_clause(Decision& decision, Clause clause) {
  if (clause.tests.empty()) {
    const bool undecided = decision.otherwise == kUndecided;
    if (undecided || rank(clause.verdict) < rank(decision.otherwise)) decision.otherwise = clause.verdict;
    return;
  }
  const auto place = std::upper_bound(
      decision.clauses.begin(), decision.clauses.end(), clause,
      [](const Clause& left, const Clause& right) { return rank(left.verdict) < rank(right.verdict); });
  decision.clauses.insert(place, std::move(clause));
}

// One architecture's clauses while they are gathered, in the profile's order.
struct Builder {
  Architecture architecture;
  std::vector<std::pair<uint32_t, Clause>> clauses;
};

void add_rule(Builder& builder, const std::string& call, const Clause& clause) {
  if (const auto number = syscall_number(builder.architecture, call))
    builder.clauses.emplace_back(*number, clause);
  // Through the second door the arguments are behind a pointer: only rules without tests can be held there.
  if (!clause.tests.empty()) return;
  const auto multiplexer = find_multiplexer(builder.architecture, call);
  if (!multiplexer) return;
  ArgumentTest which;
  which.comparison = Comparison::kMaskedEqual;
  which.value = multiplexer->call;
  which.mask = multiplexer->argument_mask;
  which.low_half_only = true;
  builder.clauses.emplace_back(multiplexer->number, Clause{{which}, clause.verdict});
}

// Fills in the default where no rule without tests was, and drops clauses that change nothing.
void finish(Decision& decision, uint32_t default_verdict) {
  if (decision.otherwise == kUndecided) {
    decision.otherwise = default_verdict;
    return;
  }
  const int32_t limit = rank(decision.otherwise);
  std::erase_if(decision.clauses, [&](const Clause& clause) {
    return rank(clause.verdict) > limit || clause.verdict == decision.otherwise;
  });
}

// One decision a call number, sorted by number.
std::vector<std::pair<uint32_t, Decision>> make_decisions(std::vector<std::pair<uint32_t, Clause>> clauses,
                                                          uint32_t default_verdict) {
  std::stable_sort(clauses.begin(), clauses.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  std::vector<std::pair<uint32_t, Decision>> decisions;
  decisions.reserve(clauses.size());
  for (auto& [number, clause] : clauses) {
    if (decisions.empty() || decisions.back().first != number) {
      decisions.emplace_back(number, Decision{{}, kUndecided});
    }
    add_clause(decisions.back().second, std::move(clause));
  }
  for (auto& [number, decision] : decisions)
    finish(decision, default_verdict);
  return decisions;
}

Result<void> check_rule(const SeccompFilterSpec& spec, const SeccompRule& rule, uint32_t verdict,
                        uint32_t default_verdict) {
  for (const std::string& call : rule.names) {
    if (rank(verdict) < rank(default_verdict) && !is_known_syscall(call)) {
      return invalid("seccomp: no such system call \"" + printable(call) + "\", so it can't be denied");
    }
    if (rank(verdict) != static_cast<int32_t>(SECCOMP_RET_USER_NOTIF)) continue;
    if (spec.listener_path.empty()) {
      return invalid("seccomp: SCMP_ACT_NOTIFY for " + printable(call) + " needs a listenerPath");
    }
    if (call == "sendmsg") {
      return invalid("seccomp: SCMP_ACT_NOTIFY can't be used for sendmsg: the listener is sent with it");
    }
  }
  return ok();
}

Result<std::vector<Builder>> make_builders(const SeccompFilterSpec& spec) {
  // Programs of this machine are filtered whatever the list says, as libseccomp has it: a list for another
  // machine would else kill all of them.
  std::vector<std::string> names = spec.architectures;
  const std::string native = native_scmp_architecture();
  if (std::find(names.begin(), names.end(), native) == names.end()) names.push_back(native);
  std::vector<Builder> builders;
  builders.reserve(names.size());
  for (const std::string& name : names)
    builders.push_back({TRY(find_architecture(name)), {}});
  return builders;
}

// x86-64 and x32 share a seccomp_data.arch, so they share a table. Without x32 its numbers are closed: a
// default of ALLOW would else leave every rule open by its second number.
std::vector<CallTable> make_tables(std::vector<Builder> builders, uint32_t default_verdict) {
  const uint32_t x86_64 = find_architecture("SCMP_ARCH_X86_64").value().audit_arch;
  const bool has_x32 = std::any_of(builders.begin(), builders.end(), [](const Builder& builder) {
    return builder.architecture.number_offset != 0;
  });
  std::vector<CallTable> tables;
  for (size_t i = 0; i < builders.size(); ++i) {
    CallTable table;
    table.audit_arch = builders[i].architecture.audit_arch;
    table.unlisted = Decision{{}, default_verdict};
    const bool done = std::any_of(tables.begin(), tables.end(), [&](const CallTable& other) {
      return other.audit_arch == table.audit_arch;
    });
    if (done) continue;
    auto clauses = std::move(builders[i].clauses);
    for (size_t other = i + 1; other < builders.size(); ++other) {
      const Builder& twin = builders[other];
      if (twin.architecture.audit_arch != table.audit_arch) continue;
      if (twin.architecture.token == builders[i].architecture.token) continue;  // listed twice
      clauses.insert(clauses.end(), twin.clauses.begin(), twin.clauses.end());
    }
    table.calls = make_decisions(std::move(clauses), default_verdict);
    if (table.audit_arch == x86_64 && !has_x32) {
      table.closed_from = kX32Bit;
      table.closed = Decision{{}, SECCOMP_RET_ERRNO | ENOSYS};
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

Result<unsigned> parse_flags(const std::vector<std::string>& names) {
  unsigned flags = 0;
  for (const std::string& name : names)
    flags |= TRY(find_named(kFlags, "flag", name));
  return flags;
}

}  // namespace

bool asks_agent(const SeccompFilterSpec& spec) {
  return std::any_of(spec.rules.begin(), spec.rules.end(),
                     [](const SeccompRule& rule) { return rule.action == "SCMP_ACT_NOTIFY"; });
}

Result<FilterProgram> compile_filter(const SeccompFilterSpec& spec) {
  const uint32_t default_verdict = TRY(parse_verdict(spec.default_action, spec.default_errno_return));
  if (rank(default_verdict) == static_cast<int32_t>(SECCOMP_RET_USER_NOTIF)) {
    return invalid("seccomp: SCMP_ACT_NOTIFY can't be the default action");
  }
  std::vector<Builder> builders = TRY(make_builders(spec));
  for (const SeccompRule& rule : spec.rules) {
    const uint32_t verdict = TRY(parse_verdict(rule.action, rule.errno_return));
    TRY(check_rule(spec, rule, verdict, default_verdict));
    for (const std::string& call : rule.names) {
      const auto alternatives = TRY(parse_tests(rule, call));
      for (const auto& tests : alternatives)
        for (Builder& builder : builders)
          add_rule(builder, call, Clause{tests, verdict});
    }
  }
  FilterProgram program;
  program.name = rank(default_verdict) < rank(SECCOMP_RET_LOG) ? "allow-list" : "deny-list";
  program.flags = TRY(parse_flags(spec.flags));
  if (asks_agent(spec)) {
    program.listener_path = spec.listener_path;
    program.listener_metadata = spec.listener_metadata;
  }
  const auto code = generate_bpf(make_tables(std::move(builders), default_verdict), SECCOMP_RET_KILL_PROCESS);
  if (code.size() > BPF_MAXINSNS) {
    return invalid("seccomp: the filter has " + std::to_string(code.size()) +
                   " instructions, the kernel takes " + std::to_string(BPF_MAXINSNS));
  }
  program.bytes.assign(reinterpret_cast<const char*>(code.data()), code.size() * sizeof(sock_filter));
  return program;
}

}  // namespace security
