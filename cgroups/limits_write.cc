#include <fcntl.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/limits.h"

namespace cgroups {
namespace {

// The file that was written last stays open: v1's device rules are a dozen writes to one. The kernel takes
// each write(2) to it as one order, wherever it stands in the file (kernfs).
struct LastFile {
  std::string path;
  Fd fd;
};

Result<void> write_file(LastFile& last, std::string path, const std::string& text) {
  if (last.path != path) {
    last.path.clear();
    last.fd = TRY(sys::open(path.c_str(), O_WRONLY));
    last.path = std::move(path);
  }
  TRY(sys::write(last.fd.get(), text));
  return ok();
}

std::string likely_cause(const LimitWrite& write, int error_number) {
  if (error_number == EBUSY && write.controller == "memory") return " (the group uses more than that now)";
  if (write.file == "memory.memsw.limit_in_bytes" || write.file == "memory.limit_in_bytes") {
    if (error_number == EINVAL) return " (memory+swap must not be below memory: set both)";
  }
  if (write.controller == "cpuset" && (error_number == EACCES || error_number == EINVAL)) {
    return " (not a part of the parent group's set)";
  }
  if (write.controller == "cpuset" && error_number == ERANGE)
    return " (this machine has no such CPU or memory node: see /sys/devices/system/{cpu,node}/online)";
  return {};
}

Error refused(const LimitWrite& write, int error_number) {
  const std::string what =
      "write \"" + printable(write.text) + "\" to " + write.directory + "/" + printable(write.file);
  if (error_number == ENOENT) {
    return {ErrorKind::kUnsupported, what + ": this kernel does not have that limit", ENOENT};
  }
  return {ErrorKind::kSystem, what + ": " + errno_text(error_number) + likely_cause(write, error_number),
          error_number};
}

Result<void> write_one(LastFile& last, const LimitWrite& write) {
  const auto result = write_file(last, write.directory + "/" + write.file, write.text);
  if (result) return ok();
  const int error_number = result.error().error_number();
  if (error_number != ENOENT || write.other_file.empty()) return refused(write, error_number);
  LimitWrite other = write;
  other.file = write.other_file;
  other.text = write.other_text;
  other.other_file.clear();
  auto second = write_one(last, other);
  if (second || second.error().error_number() != ENOENT) return second;
  return refused(write, ENOENT);
}

Result<std::string> read_trimmed(const std::string& path) {
  const std::string text = TRY(read_file(path));
  return std::string(trim(text));
}

// The present memory limit; -1 when there is none.
Result<int64_t> present_memory_limit(const Layout& layout, const Group& group) {
  if (layout.v2_has("memory")) {
    const std::string text = TRY(read_trimmed(group.v2_directory + "/memory.max"));
    if (text == "max") return int64_t{-1};
    return parse_int(text);
  }
  const std::string text = TRY(read_trimmed(group.v1_directory_of("memory") + "/memory.limit_in_bytes"));
  const int64_t bytes = TRY(parse_int(text));
  constexpr int64_t kUnlimited = int64_t{1} << 62U;  // v1 says PAGE_COUNTER_MAX in bytes
  return bytes >= kUnlimited ? -1 : bytes;
}

Result<void> check_usage(const Layout& layout, const Group& group, int64_t limit) {
  const std::string path = layout.v2_has("memory")
                               ? group.v2_directory + "/memory.current"
                               : group.v1_directory_of("memory") + "/memory.usage_in_bytes";
  const std::string text = TRY(read_trimmed(path));
  const int64_t usage = TRY(parse_int(text));
  if (usage <= limit) return ok();
  return conflict("memory limit " + std::to_string(limit) + " is below the " + std::to_string(usage) +
                  " bytes in use");
}

Result<void> complete_memory(const Layout& layout, const Group& group, Memory& memory) {
  const int64_t limit = memory.limit_bytes.value_or(0);
  if (limit == 0 && memory.swap_bytes.value_or(0) > 0) {
    memory.limit_bytes = TRY(present_memory_limit(layout, group));
  }
  // Memory without limit and memory+swap with one can't be: v1 refuses it.
  if (limit == -1 && !memory.swap_bytes) memory.swap_bytes = -1;
  if (memory.check_before_update && limit > 0) TRY(check_usage(layout, group, limit));
  return ok();
}

// cpu.max holds quota and period in one line, and systemd knows their quotient: what is not given keeps its
// present value.
Result<void> complete_cpu(const Layout& layout, const Group& group, Cpu& cpu) {
  const bool has_quota = cpu.quota_us.value_or(0) != 0;
  const bool has_period = cpu.period_us.value_or(0) != 0;
  if (has_quota == has_period) return ok();
  std::vector<std::string> present;
  if (layout.v2_has("cpu")) {
    const std::string text = TRY(read_trimmed(group.v2_directory + "/cpu.max"));
    present = split(text, ' ');
    if (present.size() != 2) return corrupt("cpu.max reads '" + printable(text) + "'");
  } else if (const std::string directory = group.v1_directory_of("cpu"); !directory.empty()) {
    present.push_back(TRY(read_trimmed(directory + "/cpu.cfs_quota_us")));
    present.push_back(TRY(read_trimmed(directory + "/cpu.cfs_period_us")));
  } else {
    return ok();  // refused in words when it is written
  }
  if (!has_period) cpu.period_us = TRY(parse_uint(present[1]));
  if (!has_quota && present[0] != "max" && present[0] != "-1") cpu.quota_us = TRY(parse_int(present[0]));
  return ok();
}

// What has to be written to have the file as it is now. Files with a line for each device have none for one
// without a limit.
std::optional<std::string> present_text(const LimitWrite& write) {
  const auto content = read_file(write.directory + "/" + write.file);
  if (!content) return std::nullopt;
  const std::vector<std::string> lines = split(trim(*content), '\n');
  if (write.file == "memory.oom_control") return lines[0].substr(lines[0].find(' ') + 1);
  const std::string key = write.text.substr(0, write.text.find(' '));
  if (key == write.text || key.find(':') == std::string::npos) {
    if (lines.size() != 1 && write.file != "io.weight" && write.file != "io.bfq.weight") return std::nullopt;
    return lines[0].empty() ? "\n" : lines[0];  // an empty set of CPUs
  }
  for (const std::string& line : lines) {
    if (line.starts_with(key + " ")) return line;
  }
  if (write.file == "io.max") return key + " rbps=max wbps=max riops=max wiops=max";
  if (write.file.starts_with("blkio.throttle.")) return key + " 0";
  return std::nullopt;
}

std::vector<LimitWrite> present_limits(const std::vector<LimitWrite>& writes) {
  std::vector<LimitWrite> present;
  for (LimitWrite write : writes) {
    if (!write.other_file.empty() && !path_exists(write.directory + "/" + write.file))
      write.file = write.other_file;
    write.other_file.clear();
    auto text = present_text(write);
    if (!text) continue;
    write.text = std::move(*text);
    present.push_back(std::move(write));
  }
  return present;
}

}  // namespace

Result<void> write_limits(const std::vector<LimitWrite>& writes) {
  LastFile last;
  std::vector<const LimitWrite*> pending;
  for (const LimitWrite& write : writes)
    pending.push_back(&write);
  while (!pending.empty()) {
    std::vector<const LimitWrite*> again;
    Result<void> first_refusal;
    for (const LimitWrite* write : pending) {
      auto result = write_one(last, *write);
      if (result) continue;
      const int error_number = result.error().error_number();
      if (error_number != EINVAL && error_number != EBUSY) return result;
      again.push_back(write);
      if (first_refusal) first_refusal = std::move(result);
    }
    if (again.size() == pending.size()) return first_refusal;
    pending = std::move(again);
  }
  return ok();
}

Result<Resources> complete_limits(const Layout& layout, const Group& group, Resources resources) {
  TRY(complete_memory(layout, group, resources.memory));
  TRY(complete_cpu(layout, group, resources.cpu));
  TRY(limit_writes(layout, group, resources));
  return resources;
}

Result<void> update_limits(const Layout& layout, const Group& group, const Resources& resources) {
  const Resources wanted = TRY(complete_limits(layout, group, resources));
  std::vector<LimitWrite> writes = TRY(limit_writes(layout, group, wanted));
  // A fresh group has its OOM killer; a live one may have to get it back.
  if (resources.memory.disable_oom_killer == false && !group.v1_directory_of("memory").empty()) {
    writes.push_back({"memory", "memory.oom_control", "0", "", "", group.v1_directory_of("memory")});
  }
  const std::vector<LimitWrite> present = present_limits(writes);
  auto written = write_limits(writes);
  if (!written) (void)write_limits(present);
  return written;
}

}  // namespace cgroups
