#include "cgroups/limit_steps.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/devices.h"
#include "cgroups/spelling.h"

namespace cgroups {
namespace {

const char* reason_of(const std::string& controller) {
  struct Entry {
    const char* controller;
    const char* text;
  };
  static constexpr Entry kReasons[] = {
      {"memory",
       "memory over the limit is reclaimed, and if that fails a process of this group is killed, not the "
       "host's"},
      {"pids", "a fork bomb ends at this many processes"},
      {"cpu", "how much cpu time it gets: a weight against its neighbours, and a quota in each period"},
      {"cpuset", "the cpus and memory nodes it may run on"},
      {"io", "disk bandwidth and its share of it"},
      {"blkio", "disk bandwidth and its share of it"},
      {"hugetlb", "huge pages are a small pool that one container must not drain"},
      {"rdma", "handles of the RDMA adapter"},
      {"net_cls", "a tag on its packets, for tc(8) and netfilter"},
      {"net_prio", "the priority of its packets on an interface"},
  };
  for (const Entry& entry : kReasons) {
    if (controller == entry.controller) return entry.text;
  }
  return "a setting of the cgroup that the user gave by its file name";
}

std::string path_of(const LimitWrite& write) {
  return write.directory + "/" + write.file;
}

std::string other_path_of(const LimitWrite& write) {
  return write.directory + "/" + write.other_file;
}

std::string say_limit(const LimitWrite& write) {
  std::string text = say_write(path_of(write), write.text);
  if (!write.other_file.empty())
    text += " or, if there is none, " + say_write(other_path_of(write), write.other_text);
  return text;
}

std::string shell_limit(const LimitWrite& write) {
  std::string line = shell_write(path_of(write), write.text);
  if (write.other_file.empty()) return line;
  return "if [ -e " + shell_quote(path_of(write)) + " ]; then " + line + "; else " +
         shell_write(other_path_of(write), write.other_text) + "; fi";
}

// All writes to one controller: limits, or v1's device rules.
class LimitStep : public Step {
 public:
  LimitStep(std::string name, std::string reason, std::vector<LimitWrite> writes)
      : Step(Lane::kHost, std::move(name)), reason_(std::move(reason)), writes_(std::move(writes)) {}

  Result<void> perform(StepContext& /*context*/) const override { return write_limits(writes_); }

  std::string say() const override {
    std::vector<std::string> calls;
    for (const LimitWrite& write : writes_)
      calls.push_back(say_limit(write));
    return join(calls, "; ");
  }

  std::string shell() const override {
    std::vector<std::string> lines;
    for (const LimitWrite& write : writes_)
      lines.push_back(shell_limit(write));
    return join(lines, "\n");
  }

  Reason why() const override { return {reason_, "cgroups(7)"}; }

  std::string observe(const StepContext& /*context*/) const override {
    std::vector<std::string> parts;
    std::string last;
    for (const LimitWrite& write : writes_) {
      // devices.allow and devices.deny can't be read; what they made is in devices.list.
      std::string file = write.controller == "devices" ? "devices.list" : write.file;
      if (!write.other_file.empty() && !path_exists(path_of(write))) file = write.other_file;
      if (file == last) continue;
      last = file;
      const auto content = read_file(write.directory + "/" + file);
      if (content) parts.push_back(file + "=" + join(split(trim(*content), '\n'), ", "));
    }
    return join(parts, "; ");
  }

 private:
  std::string reason_;
  std::vector<LimitWrite> writes_;
};

class DeviceProgramStep : public Step {
 public:
  DeviceProgramStep(const Group& group, std::vector<struct bpf_insn> program)
      : Step(Lane::kHost, "limit devices"), directory_(group.v2_directory), program_(std::move(program)) {}

  Result<void> perform(StepContext& /*context*/) const override {
    const Fd cgroup_fd = TRY(sys::open(directory_.c_str(), O_RDONLY | O_DIRECTORY));
    return attach_device_program(cgroup_fd.get(), program_);
  }

  std::string say() const override {
    const std::string kept = quoted(kept_place(program_));
    return "bpf(BPF_OBJ_GET, " + kept +
           "), or bpf(BPF_PROG_LOAD, {prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt=" +
           std::to_string(program_.size()) + "}) and bpf(BPF_OBJ_PIN, " + kept +
           "); bpf(BPF_PROG_ATTACH, {target=" + quoted(directory_) +
           ", attach_type=BPF_CGROUP_DEVICE, attach_flags=BPF_F_ALLOW_MULTI})";
  }

  std::string shell() const override {
    std::string text = "# a shell can't load this eBPF program into " + printable(directory_) + ":";
    for (const std::string& line : split(trim(disassemble(program_)), '\n'))
      text += "\n#   " + line;
    return text;
  }

  Reason why() const override {
    return {
        "with mknod and a device number a container could open the host's disks; on v2 a small program "
        "in the kernel says yes or no to each open and mknod",
        "bpf(2)"};
  }

 private:
  std::string directory_;
  std::vector<struct bpf_insn> program_;
};

}  // namespace

void add_limit_steps(const std::vector<LimitWrite>& writes, std::vector<StepPtr>& steps) {
  std::vector<std::string> done;
  for (const LimitWrite& first : writes) {
    if (std::find(done.begin(), done.end(), first.controller) != done.end()) continue;
    done.push_back(first.controller);
    std::vector<LimitWrite> own;
    for (const LimitWrite& write : writes) {
      if (write.controller == first.controller) own.push_back(write);
    }
    const std::string name = "limit " + (first.controller.empty() ? "cgroups below" : first.controller);
    steps.push_back(std::make_unique<LimitStep>(name, reason_of(first.controller), std::move(own)));
  }
}

Result<void> add_device_step(const Group& group, const std::vector<DeviceRule>& rules,
                             std::vector<StepPtr>& steps) {
  if (rules.empty()) return ok();
  const std::string directory = group.v1_directory_of("devices");
  if (directory.empty() && group.v2_directory.empty()) {
    return unsupported("device rules: neither the v1 devices controller nor cgroup v2 is mounted");
  }
  if (directory.empty()) {
    steps.push_back(std::make_unique<DeviceProgramStep>(group, TRY(device_program(rules))));
    return ok();
  }
  std::vector<LimitWrite> writes = TRY(v1_device_writes(rules));
  for (LimitWrite& write : writes)
    write.directory = directory;
  steps.push_back(std::make_unique<LimitStep>("limit devices",
                                              "with mknod and a device number a container could open the "
                                              "host's disks; the rules stand before it joins",
                                              std::move(writes)));
  return ok();
}

}  // namespace cgroups
