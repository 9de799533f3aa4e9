// Scheduler, I/O priority, CPU affinity and execution domain: the second half of limits.h.
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/strings.h"
#include "security/limits.h"

namespace security {
namespace {

// sched_setattr(2); glibc 2.36 has neither the wrapper nor the struct.
struct SchedulerAttributes {
  uint32_t size = 48;
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedulerAttributes) == 48);

struct Policy {
  std::string_view name;
  uint32_t number;
  const char* chrt_option;
};
// Source: sched(7), linux/sched.h.
constexpr auto kPolicies = std::to_array<Policy>({
    {"SCHED_OTHER", 0, "--other"},
    {"SCHED_FIFO", 1, "--fifo"},
    {"SCHED_RR", 2, "--rr"},
    {"SCHED_BATCH", 3, "--batch"},
    {"SCHED_IDLE", 5, "--idle"},
    {"SCHED_DEADLINE", 6, "--deadline"},
});
constexpr uint32_t kFifo = 1;
constexpr uint32_t kRoundRobin = 2;
constexpr uint32_t kDeadline = 6;

struct Flag {
  std::string_view name;
  uint64_t bit;
};
constexpr auto kSchedulerFlags = std::to_array<Flag>({
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},
    {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},
    {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
});

Result<const Policy*> find_policy(const std::string& name) {
  for (const Policy& policy : kPolicies)
    if (policy.name == name) return &policy;
  return invalid("unknown scheduler policy \"" + printable(name) + "\"");
}

Result<void> call(const char* name, long result) {
  if (result >= 0) return ok();
  return Error::from_errno(name, errno);
}

class SetScheduler : public Step {
 public:
  SetScheduler(const Policy& policy, SchedulerAttributes attributes)
      : Step(Lane::kInit, "set scheduler"), policy_(policy), attributes_(attributes) {}

  Result<void> perform(StepContext& /*context*/) const override {
    SchedulerAttributes attributes = attributes_;
    return call("sched_setattr", ::syscall(SYS_sched_setattr, 0, &attributes, 0));
  }
  std::string say() const override {
    return "sched_setattr(0, {sched_policy=" + std::string(policy_.name) +
           ", sched_nice=" + std::to_string(attributes_.nice) +
           ", sched_priority=" + std::to_string(attributes_.priority) +
           ", sched_runtime=" + std::to_string(attributes_.runtime) +
           ", sched_deadline=" + std::to_string(attributes_.deadline) +
           ", sched_period=" + std::to_string(attributes_.period) + "}, 0)";
  }
  std::string shell() const override {
    std::string times;
    if (attributes_.policy == kDeadline) {
      times = " --sched-runtime " + std::to_string(attributes_.runtime) + " --sched-deadline " +
              std::to_string(attributes_.deadline) + " --sched-period " + std::to_string(attributes_.period);
    }
    return "chrt " + std::string(policy_.chrt_option) + times + " --pid " +
           std::to_string(attributes_.priority) + " $$\nrenice -n " + std::to_string(attributes_.nice) +
           " -p $$";
  }
  Reason why() const override { return {"how the kernel shares CPU time with the program", "sched(7)"}; }
  std::string observe(const StepContext& /*context*/) const override {
    const long policy = ::syscall(SYS_sched_getscheduler, 0);
    for (const Policy& known : kPolicies)
      if (policy == static_cast<long>(known.number)) return std::string(known.name);
    return {};
  }

 private:
  Policy policy_;
  SchedulerAttributes attributes_;
};

constexpr unsigned kIoClassShift = 13;  // linux/ioprio.h

class SetIoPriority : public Step {
 public:
  SetIoPriority(std::string io_class, int number, int priority)
      : Step(Lane::kInit, "set I/O priority"),
        class_(std::move(io_class)),
        number_(number),
        priority_(priority) {}

  Result<void> perform(StepContext& /*context*/) const override {
    constexpr int kWhoProcess = 1;
    const unsigned value = static_cast<unsigned>(number_) << kIoClassShift | static_cast<unsigned>(priority_);
    return call("ioprio_set", ::syscall(SYS_ioprio_set, kWhoProcess, 0, value));
  }
  std::string say() const override {
    return "ioprio_set(IOPRIO_WHO_PROCESS, 0, " + class_ + " " + std::to_string(priority_) + ")";
  }
  std::string shell() const override {
    return "ionice -c " + std::to_string(number_) + " -n " + std::to_string(priority_) + " -p $$";
  }
  Reason why() const override { return {"whose disk requests go first", "ioprio_set(2)"}; }

 private:
  std::string class_;
  int number_;
  int priority_;
};

class SetCpuAffinity : public Step {
 public:
  SetCpuAffinity(Lane lane, std::string list, const cpu_set_t& cpus)
      : Step(lane, "set CPU affinity"), list_(std::move(list)), cpus_(cpus) {}

  Result<void> perform(StepContext& /*context*/) const override {
    return call("sched_setaffinity", ::syscall(SYS_sched_setaffinity, 0, sizeof cpus_, &cpus_));
  }
  std::string say() const override {
    return "sched_setaffinity(0, " + std::to_string(sizeof cpus_) + ", [" + list_ + "])";
  }
  std::string shell() const override { return "taskset -cp " + list_ + " $$"; }
  Reason why() const override { return {"on which CPUs the program may run", "sched_setaffinity(2)"}; }

 private:
  std::string list_;
  cpu_set_t cpus_;
};

class SetPersonality : public Step {
 public:
  SetPersonality(std::string domain, unsigned long value)
      : Step(Lane::kInit, "set personality"), domain_(std::move(domain)), value_(value) {}

  Result<void> perform(StepContext& /*context*/) const override {
    return call("personality", ::syscall(SYS_personality, value_));
  }
  std::string say() const override { return "personality(PER_" + domain_ + ")"; }
  std::string shell() const override {
    return "# personality: setarch " + to_lower(domain_) + " (around all that follows)";
  }
  Reason why() const override { return {"what uname(2) calls the machine: 64 or 32 bits", "personality(2)"}; }

 private:
  std::string domain_;
  unsigned long value_;
};

Result<void> check_scheduler(const SchedulerSettings& settings, uint32_t policy) {
  if (settings.nice < -20 || settings.nice > 19) {
    return invalid("scheduler: nice must be between -20 and 19, not " + std::to_string(settings.nice));
  }
  const bool real_time = policy == kFifo || policy == kRoundRobin;
  if (real_time ? settings.priority < 1 || settings.priority > 99 : settings.priority != 0) {
    return invalid("scheduler: " + settings.policy + " takes " +
                   (real_time ? "priorities 1 to 99" : "no priority") + ", not " +
                   std::to_string(settings.priority));
  }
  const bool has_times = settings.runtime_ns != 0 || settings.deadline_ns != 0 || settings.period_ns != 0;
  if (has_times && policy != kDeadline) return invalid("scheduler: " + settings.policy + " takes no times");
  return ok();
}

Result<size_t> parse_cpu(std::string_view text, const std::string& list) {
  const auto number = parse_uint(text);
  if (!number || *number >= CPU_SETSIZE) return invalid("not a list of CPUs: \"" + printable(list) + "\"");
  return static_cast<size_t>(*number);
}

}  // namespace

Result<StepPtr> scheduler_step(const SchedulerSettings& settings) {
  const Policy* policy = TRY(find_policy(settings.policy));
  TRY(check_scheduler(settings, policy->number));
  SchedulerAttributes attributes;
  attributes.policy = policy->number;
  attributes.nice = settings.nice;
  attributes.priority = static_cast<uint32_t>(settings.priority);
  attributes.runtime = settings.runtime_ns;
  attributes.deadline = settings.deadline_ns;
  attributes.period = settings.period_ns;
  for (const std::string& name : settings.flags) {
    uint64_t bit = 0;
    for (const Flag& flag : kSchedulerFlags)
      if (flag.name == name) bit = flag.bit;
    if (bit == 0) return invalid("unknown scheduler flag \"" + printable(name) + "\"");
    attributes.flags |= bit;
  }
  return StepPtr(std::make_unique<SetScheduler>(*policy, attributes));
}

Result<StepPtr> io_priority_step(const std::string& io_class, int priority) {
  constexpr std::array<std::string_view, 4> kClasses = {"", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
                                                        "IOPRIO_CLASS_IDLE"};
  if (priority < 0 || priority > 7) {
    return invalid("I/O priority must be between 0 and 7, not " + std::to_string(priority));
  }
  for (size_t number = 1; number < kClasses.size(); ++number) {
    if (kClasses[number] != io_class) continue;
    return StepPtr(std::make_unique<SetIoPriority>(io_class, static_cast<int>(number), priority));
  }
  return invalid("unknown I/O priority class \"" + printable(io_class) + "\"");
}

Result<cpu_set_t> parse_cpu_list(const std::string& list) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const std::string& part : split(list, ',')) {
    const std::string range(trim(part));
    const size_t dash = range.find('-');
    const size_t first = TRY(parse_cpu(range.substr(0, dash), list));
    const size_t last = TRY(parse_cpu(dash == std::string::npos ? range : range.substr(dash + 1), list));
    if (last < first) return invalid("not a list of CPUs: \"" + printable(list) + "\"");
    for (size_t cpu = first; cpu <= last; ++cpu)
      CPU_SET(cpu, &cpus);
  }
  return cpus;
}

Result<StepPtr> cpu_affinity_step(Lane lane, const std::string& list) {
  const std::string all = "0-" + std::to_string(CPU_SETSIZE - 1);
  const std::string& wanted = list.empty() ? all : list;
  const cpu_set_t cpus = TRY(parse_cpu_list(wanted));
  return StepPtr(std::make_unique<SetCpuAffinity>(lane, wanted, cpus));
}

Result<StepPtr> personality_step(const std::string& domain) {
  if (domain == "LINUX") return StepPtr(std::make_unique<SetPersonality>(domain, PER_LINUX));
  if (domain == "LINUX32") return StepPtr(std::make_unique<SetPersonality>(domain, PER_LINUX32));
  return invalid("unknown personality \"" + printable(domain) + "\", it is LINUX or LINUX32");
}

}  // namespace security
