#include "cgroups/join_steps.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/spelling.h"

namespace cgroups {
namespace {

class OpenStep : public Step {
 public:
  OpenStep(Group group, Join when)
      : Step(Lane::kHost, "open cgroup " + group.path), group_(std::move(group)) {
    if (when == Join::kLate) group_.v1.clear();
  }

  Result<void> perform(StepContext& context) const override {
    context.cgroup_task_fds.clear();
    if (!group_.v2_directory.empty()) {
      context.cgroup_fd = TRY(sys::open(group_.v2_directory.c_str(), O_RDONLY | O_DIRECTORY));
    }
    for (const V1Directory& place : group_.v1) {
      const std::string tasks = place.directory + "/tasks";
      context.cgroup_task_fds.push_back(TRY(sys::open(tasks.c_str(), O_WRONLY)));
    }
    return ok();
  }

  std::string say() const override {
    std::vector<std::string> calls;
    if (!group_.v2_directory.empty())
      calls.push_back("open(" + quoted(group_.v2_directory) + ", O_DIRECTORY)");
    for (const V1Directory& place : group_.v1)
      calls.push_back("open(" + quoted(place.directory + "/tasks") + ", O_WRONLY)");
    return join(calls, "; ");
  }

  std::string shell() const override {
    if (group_.v2_directory.empty()) return "# the join below opens what it needs";
    return "echo $$ > " + shell_quote(group_.v2_directory + "/cgroup.procs");
  }

  Reason why() const override {
    if (group_.v2_directory.empty()) {
      return {"opened by the host: a child that is no longer the host's root may write but not open them",
              "cgroups(7)"};
    }
    return {
        "clone3 with CLONE_INTO_CGROUP makes the child inside its cgroup: it is never outside, not even for "
        "a moment, and nobody waits for the lock of cgroup.procs",
        "clone(2)"};
  }

 private:
  Group group_;
};

class JoinStep : public Step {
 public:
  JoinStep(const Group& group, Join when)
      : Step(Lane::kInit, "join cgroup " + group.path + " on v1"), is_late_(when == Join::kLate) {
    for (const V1Directory& place : group.v1)
      directories_.push_back(place.directory);
  }

  Result<void> perform(StepContext& context) const override {
    if (is_late_) return open_and_join();
    if (context.cgroup_task_fds.size() != directories_.size()) return corrupt("the cgroup was not opened");
    for (size_t i = 0; i < directories_.size(); ++i)
      TRY_IN(directories_[i] + "/tasks", sys::write(context.cgroup_task_fds[i].get(), std::string_view("0")));
    context.cgroup_task_fds.clear();
    return ok();
  }

  std::string say() const override {
    std::vector<std::string> calls;
    for (const std::string& directory : directories_) {
      if (is_late_) calls.push_back("open(" + quoted(directory + "/tasks") + ", O_WRONLY)");
      calls.push_back(say_write(directory + "/tasks", "0"));
    }
    return join(calls, "; ");
  }

  std::string shell() const override {
    std::vector<std::string> lines;
    for (const std::string& directory : directories_)
      lines.push_back("echo $$ > " + shell_quote(directory + "/cgroup.procs"));
    return join(lines, "\n");
  }
  Lane shell_lane() const override { return Lane::kHost; }

  Reason why() const override {
    return {
        "v1 has no CLONE_INTO_CGROUP; 0 means the writing thread, which moves itself without a lock, where "
        "a write of its pid to cgroup.procs by another waits 10 ms",
        "cgroups(7)"};
  }

  std::string observe(const StepContext& /*context*/) const override {
    const auto text = read_file("/proc/self/cgroup");
    return text ? join(split(trim(*text), '\n'), " ") : std::string();
  }

 private:
  Result<void> open_and_join() const {
    for (const std::string& directory : directories_) {
      const std::string tasks = directory + "/tasks";
      const Fd fd = TRY(sys::open(tasks.c_str(), O_WRONLY));
      TRY_IN(tasks, sys::write(fd.get(), std::string_view("0")));
    }
    return ok();
  }

  std::vector<std::string> directories_;
  bool is_late_;
};

}  // namespace

StepPtr open_step(const Group& group, Join when) {
  return std::make_unique<OpenStep>(group, when);
}
StepPtr join_step(const Group& group, Join when) {
  return std::make_unique<JoinStep>(group, when);
}

Result<GroupSteps> enter_steps(const Layout& layout, const std::string& path) {
  const Group group = TRY(group_at(layout, path));
  return enter_steps(group);
}

GroupSteps enter_steps(const Group& group) {
  GroupSteps steps;
  steps.before_clone.push_back(open_step(group, Join::kEarly));
  if (!group.v1.empty()) steps.join = join_step(group, Join::kEarly);
  return steps;
}

}  // namespace cgroups
