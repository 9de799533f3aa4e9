// The NUMA memory policy: from which nodes the program's memory comes. Part of limits.h.
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/strings.h"
#include "security/limits.h"

namespace security {
namespace {

struct PolicyWord {
  std::string_view name;
  unsigned value;
};
// Source: set_mempolicy(2), linux/mempolicy.h; the header of Debian 12 lacks the newest mode.
constexpr auto kModes = std::to_array<PolicyWord>({
    {"MPOL_DEFAULT", 0},
    {"MPOL_PREFERRED", 1},
    {"MPOL_BIND", 2},
    {"MPOL_INTERLEAVE", 3},
    {"MPOL_LOCAL", 4},
    {"MPOL_PREFERRED_MANY", 5},
    {"MPOL_WEIGHTED_INTERLEAVE", 6},
});
constexpr auto kModeFlags = std::to_array<PolicyWord>({
    {"MPOL_F_STATIC_NODES", 1U << 15U},
    {"MPOL_F_RELATIVE_NODES", 1U << 14U},
    {"MPOL_F_NUMA_BALANCING", 1U << 13U},
});
constexpr unsigned kDefaultMode = 0;
constexpr unsigned kPreferred = 1;
constexpr unsigned kLocal = 4;

template <size_t N>
const PolicyWord* find(const std::array<PolicyWord, N>& table, std::string_view name) {
  for (const PolicyWord& entry : table)
    if (entry.name == name) return &entry;
  return nullptr;
}

class SetMemoryPolicy : public Step {
 public:
  SetMemoryPolicy(const MemoryPolicy& policy, unsigned mode, const cpu_set_t& nodes)
      : Step(Lane::kInit, "set memory policy"), policy_(policy), mode_(mode), nodes_(nodes) {}

  Result<void> perform(StepContext& /*context*/) const override {
    const bool has_nodes = !policy_.nodes.empty();
    const long result = ::syscall(SYS_set_mempolicy, mode_, has_nodes ? &nodes_ : nullptr,
                                  has_nodes ? static_cast<unsigned long>(CPU_SETSIZE) : 0UL);
    if (result == 0) return ok();
    if (errno == ENOSYS) return unsupported("memoryPolicy: this kernel is built without NUMA");
    return Error::from_errno(
        "set_mempolicy " + policy_.mode + (has_nodes ? " of nodes " + policy_.nodes : ""), errno);
  }
  std::string say() const override {
    return "set_mempolicy(" + policy_.mode +
           (policy_.flags.empty() ? std::string() : "|" + join(policy_.flags, "|")) + ", [" + policy_.nodes +
           "])";
  }
  std::string shell() const override {
    return "# memory policy: numactl (around all that follows), " + policy_.mode + " " + policy_.nodes;
  }
  Reason why() const override {
    return {"from which NUMA nodes the program's memory comes", "set_mempolicy(2)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    int mode = 0;
    if (::syscall(SYS_get_mempolicy, &mode, nullptr, 0UL, nullptr, 0UL) != 0) return "";
    for (const PolicyWord& known : kModes)
      if (static_cast<unsigned>(mode) % (1U << 13U) == known.value) return std::string(known.name);
    return "";
  }

 private:
  MemoryPolicy policy_;
  unsigned mode_;
  cpu_set_t nodes_;
};

}  // namespace

Result<StepPtr> memory_policy_step(const MemoryPolicy& policy) {
  const PolicyWord* mode = find(kModes, policy.mode);
  if (mode == nullptr) return invalid("memoryPolicy: unknown mode \"" + printable(policy.mode) + "\"");
  unsigned value = mode->value;
  for (const std::string& name : policy.flags) {
    const PolicyWord* flag = find(kModeFlags, name);
    if (flag == nullptr) return invalid("memoryPolicy: unknown flag \"" + printable(name) + "\"");
    value |= flag->value;
  }
  const bool takes_none = mode->value == kDefaultMode || mode->value == kLocal;
  if (takes_none && (!policy.nodes.empty() || !policy.flags.empty()))
    return invalid("memoryPolicy: " + policy.mode + " takes no nodes and no flags");
  if (!takes_none && mode->value != kPreferred && policy.nodes.empty())
    return invalid("memoryPolicy: " + policy.mode + " needs nodes");
  cpu_set_t nodes;
  CPU_ZERO(&nodes);
  // The same syntax as CPU lists: cpuset(7), "List format".
  if (!policy.nodes.empty()) nodes = TRY_IN("memoryPolicy nodes", parse_cpu_list(policy.nodes));
  return StepPtr(std::make_unique<SetMemoryPolicy>(policy, value, nodes));
}

}  // namespace security
