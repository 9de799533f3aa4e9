// Resource limits and the OOM killer's preference; security/scheduling.cc has the rest of limits.h.
#include "security/limits.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace security {
namespace {

struct Resource {
  std::string_view name;  // of prlimit(1), and of RLIMIT_* in lower case
  int number;
};
// Source: getrlimit(2), asm-generic/resource.h.
constexpr auto kResources = std::to_array<Resource>({
    {"as", RLIMIT_AS},
    {"core", RLIMIT_CORE},
    {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},
    {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
});

std::string short_name(const std::string& type) {
  const std::string lower = to_lower(type);
  return lower.compare(0, 7, "rlimit_") == 0 ? lower.substr(7) : lower;
}

std::string limit_text(uint64_t value) {
  return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

struct NumberedLimit {
  int number = 0;
  std::string name;
  ResourceLimit limit;
};

class ResourceLimits : public Step {
 public:
  explicit ResourceLimits(std::vector<NumberedLimit> limits)
      : Step(Lane::kInit, "set resource limits"), limits_(std::move(limits)) {}

  Result<void> perform(StepContext& context) const override {
    for (const NumberedLimit& entry : limits_)
      TRY(set(entry, context));
    return ok();
  }
  std::string say() const override {
    std::vector<std::string> calls;
    for (const auto& [number, name, limit] : limits_)
      calls.push_back("prlimit64(0, RLIMIT_" + to_upper(name) + ", {rlim_cur=" + limit_text(limit.soft) +
                      ", rlim_max=" + limit_text(limit.hard) + "}, NULL)");
    return join(calls, "; ");
  }
  std::string shell() const override {
    std::string line = "prlimit --pid $$";
    for (const auto& [number, name, limit] : limits_)
      line += " --" + name + "=" + limit_text(limit.soft) + ":" + limit_text(limit.hard);
    return line;
  }
  Reason why() const override {
    return {
        "limits of one process and what it starts, older than cgroups: open files, core dumps, locked memory",
        "getrlimit(2)"};
  }
  std::string observe(const StepContext& /*context*/) const override {
    std::vector<std::string> parts;
    for (const NumberedLimit& entry : limits_) {
      struct rlimit now = {};
      if (read(entry.number, now)) {
        parts.push_back(entry.name + " " + limit_text(now.rlim_cur) + ":" + limit_text(now.rlim_max));
      }
    }
    return join(parts, " ");
  }

 private:
  using Resource = decltype(RLIMIT_CPU);  // an enumeration or int, as the C library has it
  static bool read(int number, struct rlimit& now) {
    return ::prlimit(0, static_cast<Resource>(number), nullptr, &now) == 0;
  }
  static bool write(int number, const struct rlimit& wanted) {
    return ::prlimit(0, static_cast<Resource>(number), &wanted, nullptr) == 0;
  }

  static Result<void> set(const NumberedLimit& entry, StepContext& context) {
    const ResourceLimit& limit = entry.limit;
    if (write(entry.number, {limit.soft, limit.hard})) return ok();
    const int error_number = errno;
    const std::string name = "RLIMIT_" + to_upper(entry.name);
    if (error_number != EPERM) return Error::from_errno("prlimit " + name, error_number);
    struct rlimit now = {};
    (void)read(entry.number, now);
    if (!limit.best_effort) {
      return Error(ErrorKind::kSystem,
                   "prlimit " + name + ": can't raise the hard limit from " + limit_text(now.rlim_max) +
                       " to " + limit_text(limit.hard) +
                       ": Operation not permitted (CAP_SYS_RESOURCE is missing)",
                   error_number);
    }
    if (!write(entry.number, {std::min<rlim_t>(limit.soft, now.rlim_max), now.rlim_max})) {
      return Error::from_errno("prlimit " + name, errno);
    }
    context.warnings.push_back(name + " stays at " + limit_text(now.rlim_max) + " instead of " +
                               limit_text(limit.hard) + ": CAP_SYS_RESOURCE is missing");
    return ok();
  }

  std::vector<NumberedLimit> limits_;
};

Error score_error(const Error& error) {
  if (error.error_number() != EACCES) return error;
  return {ErrorKind::kSystem, error.text() + " (to lower it needs CAP_SYS_RESOURCE)", EACCES};
}

class OomScoreAdj : public Step {
 public:
  explicit OomScoreAdj(int score) : Step(Lane::kInit, "set oom_score_adj"), score_(std::to_string(score)) {}

  Result<void> perform(StepContext& context) const override {
    auto written = context.proc_fd ? write_below(context.proc_fd.get())
                                   : write_kernel_file("/proc/self/oom_score_adj", score_);
    return written ? ok() : Result<void>(score_error(written.error()));
  }
  std::string say() const override { return "write(/proc/self/oom_score_adj, \"" + score_ + "\")"; }
  std::string shell() const override { return "echo " + score_ + " > /proc/self/oom_score_adj"; }
  Reason why() const override {
    return {"when the machine's memory is used up, the kernel kills the process with the highest score first",
            "proc(5)"};
  }
  std::string observe(const StepContext& context) const override {
    const int directory = context.proc_fd ? context.proc_fd.get() : AT_FDCWD;
    const char* path = context.proc_fd ? "self/oom_score_adj" : "/proc/self/oom_score_adj";
    const Fd fd(::openat(directory, path, O_RDONLY | O_CLOEXEC));
    auto text = fd ? read_fd(fd.get()) : Result<std::string>(std::string());
    return text ? std::string(trim(*text)) : std::string();
  }

 private:
  // exec: the container may have mounted something over its /proc.
  Result<void> write_below(int proc_fd) const {
    constexpr uint64_t kResolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
    const Fd file = TRY(sys::openat2(proc_fd, "self/oom_score_adj", O_WRONLY, 0, kResolve));
    TRY(sys::write(file.get(), score_));
    return ok();
  }

  std::string score_;
};

class GrantLimits : public Step {
 public:
  GrantLimits(std::vector<NumberedLimit> limits, std::optional<int> score)
      : Step(Lane::kHost, "grant resource limits"), limits_(std::move(limits)) {
    if (score) score_ = std::to_string(*score);
  }

  Result<void> perform(StepContext& context) const override {
    const pid_t pid = context.init_pid;
    for (const NumberedLimit& entry : limits_) {
      const auto number = static_cast<decltype(RLIMIT_CPU)>(entry.number);
      struct rlimit now = {};
      if (::prlimit(pid, number, nullptr, &now) != 0 || now.rlim_max >= entry.limit.hard) continue;
      now.rlim_max = entry.limit.hard;
      (void)::prlimit(pid, number, &now, nullptr);
    }
    const std::string process = pid == 0 ? "self" : std::to_string(pid);
    if (score_.empty()) return ok();
    auto written = write_kernel_file("/proc/" + process + "/oom_score_adj", score_);
    return written ? ok() : Result<void>(score_error(written.error()));
  }
  std::string say() const override {
    std::vector<std::string> calls;
    for (const auto& [number, name, limit] : limits_)
      calls.push_back("prlimit64(PID, RLIMIT_" + to_upper(name) + ", {rlim_max=" + limit_text(limit.hard) +
                      "}, NULL)");
    if (!score_.empty()) calls.push_back("write(/proc/PID/oom_score_adj, \"" + score_ + "\")");
    return join(calls, "; ");
  }
  std::string shell() const override {
    return "# limits above our own: prlimit(1) and /proc/PID/oom_score_adj, from outside";
  }
  Reason why() const override {
    return {"root of a user namespace may not raise a hard limit or lower the score; the host's root may",
            "user_namespaces(7)"};
  }

 private:
  std::vector<NumberedLimit> limits_;
  std::string score_;
};

Result<std::vector<NumberedLimit>> number_limits(const std::vector<ResourceLimit>& limits) {
  std::vector<NumberedLimit> numbered;
  for (const ResourceLimit& limit : limits) {
    const int number = TRY(resource_limit_number(limit.type));
    for (const NumberedLimit& other : numbered)
      if (other.number == number)
        return invalid("resource limit " + printable(limit.type) + " is given twice");
    if (limit.soft > limit.hard) {
      return invalid("resource limit " + printable(limit.type) + ": the soft limit " +
                     limit_text(limit.soft) + " is above the hard limit " + limit_text(limit.hard));
    }
    numbered.push_back({number, short_name(limit.type), limit});
  }
  return numbered;
}

}  // namespace

Result<int> resource_limit_number(const std::string& type) {
  const std::string name = short_name(type);
  for (const Resource& resource : kResources)
    if (resource.name == name) return resource.number;
  return invalid("unknown resource limit \"" + printable(type) + "\"");
}

Result<StepPtr> resource_limits_step(const std::vector<ResourceLimit>& limits) {
  return StepPtr(std::make_unique<ResourceLimits>(TRY(number_limits(limits))));
}

Result<StepPtr> grants_step(const Grants& grants) {
  return StepPtr(std::make_unique<GrantLimits>(TRY(number_limits(grants.limits)), grants.oom_score_adj));
}

Result<StepPtr> oom_score_adj_step(int score) {
  if (score < -1000 || score > 1000) {
    return invalid("oom_score_adj must be between -1000 and 1000, not " + std::to_string(score));
  }
  return StepPtr(std::make_unique<OomScoreAdj>(score));
}

}  // namespace security
