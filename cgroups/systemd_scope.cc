#include "cgroups/systemd_scope.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/bus.h"
#include "cgroups/limits.h"

namespace cgroups {
namespace {

constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

// systemd.unit(5): the characters of a unit's name; no more than 255 bytes, which are a directory's, too.
bool is_unit_name(std::string_view name) {
  constexpr std::string_view kMarks = ":-_.\\@";
  if (name.empty() || name.size() > 255 || name.front() == '.') return false;
  for (const char c : name) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_letter && kMarks.find(c) == std::string_view::npos) return false;
  }
  return true;
}

// "a-b.slice" -> "/a.slice/a-b.slice"; "-.slice" is the root.
Result<std::string> slice_path(const std::string& slice) {
  constexpr std::string_view kSuffix = ".slice";
  const Error wrong = invalid("systemd cgroup driver: '" + printable(slice) + "' is not the name of a slice");
  if (!slice.ends_with(kSuffix) || !is_unit_name(slice)) return wrong;
  if (slice == "-.slice") return std::string();
  std::string path;
  std::string name;
  for (const auto& part : split(slice.substr(0, slice.size() - kSuffix.size()), '-')) {
    if (part.empty()) return wrong;
    name += (name.empty() ? "" : "-") + part;
    path += "/" + name + std::string(kSuffix);
  }
  return path;
}

uint64_t or_unlimited(int64_t value) {
  return value < 0 ? UINT64_MAX : static_cast<uint64_t>(value);
}

void memory_properties(const Memory& memory, bool on_v2, BusWriter& writer) {
  const int64_t limit = memory.limit_bytes.value_or(0);
  const int64_t swap = memory.swap_bytes.value_or(0);
  const int64_t reservation = memory.reservation_bytes.value_or(0);
  if (limit != 0) writer.property(on_v2 ? "MemoryMax" : "MemoryLimit", or_unlimited(limit));
  if (!on_v2) return;
  if (swap != 0) writer.property("MemorySwapMax", swap < 0 ? UINT64_MAX : or_unlimited(swap - limit));
  if (reservation != 0) writer.property("MemoryLow", or_unlimited(reservation));
}

// "0-1,3" as systemd takes it: one bit each, the lowest first (org.freedesktop.systemd1(5), AllowedCPUs). The
// list has been checked; one that is none has no bits.
std::vector<uint8_t> bits_of(const std::string& list) {
  std::vector<uint8_t> bits;
  const std::string normal = normal_cpu_list(list).value_or("");
  if (normal.empty()) return bits;
  for (const std::string& range : split(normal, ',')) {
    const size_t dash = range.find('-');
    const uint64_t first = parse_uint(range.substr(0, dash)).value_or(0);
    const uint64_t last = dash == std::string::npos ? first : parse_uint(range.substr(dash + 1)).value_or(0);
    bits.resize(last / 8 + 1);
    for (uint64_t number = first; number <= last; ++number)
      bits[number / 8] |= static_cast<uint8_t>(1U << (number % 8));
  }
  return bits;
}

void cpu_properties(const Cpu& cpu, bool on_v2, BusWriter& writer) {
  constexpr int64_t kSecondUs = 1'000'000;
  constexpr uint64_t kDefaultPeriod = 100'000;
  constexpr uint64_t kStepUs = 10'000;  // systemd's CPUQuota counts in whole percents
  const uint64_t shares = cpu.shares.value_or(0);
  if (shares != 0 && cpu.idle.value_or(0) == 0) {
    if (on_v2) {
      writer.property("CPUWeight", cpu_weight_of_shares(shares));
    } else {
      writer.property("CPUShares", shares);
    }
  }
  const int64_t quota = cpu.quota_us.value_or(0);
  const uint64_t period = cpu.period_us.value_or(0);
  if (period != 0) writer.property("CPUQuotaPeriodUSec", period);
  if (quota <= 0) return;
  const uint64_t in_second = static_cast<uint64_t>(quota) * static_cast<uint64_t>(kSecondUs) /
                             (period != 0 ? period : kDefaultPeriod);
  writer.property("CPUQuotaPerSecUSec", (in_second + kStepUs - 1) / kStepUs * kStepUs);
}

void limit_properties(const Resources& resources, bool on_v2, BusWriter& writer) {
  memory_properties(resources.memory, on_v2, writer);
  cpu_properties(resources.cpu, on_v2, writer);
  if (on_v2 && !resources.cpu.cpus.empty()) writer.property("AllowedCPUs", bits_of(resources.cpu.cpus));
  if (on_v2 && !resources.cpu.mems.empty())
    writer.property("AllowedMemoryNodes", bits_of(resources.cpu.mems));
  if (const int64_t limit = resources.pids_limit.value_or(0); limit != 0)
    writer.property("TasksMax", or_unlimited(limit));
}

// StartTransientUnit(s name, s mode, a(sv) properties, a(sa(sv)) aux).
BusCall start_call(const ScopeRequest& scope, pid_t holder) {
  BusWriter writer;
  writer.string(scope.unit.name);
  writer.string("fail");
  const size_t mark = writer.begin_array(8);
  writer.property("Description", "vial container " + scope.id);
  writer.property("Slice", scope.unit.slice);
  writer.property("PIDs", std::vector<uint32_t>{static_cast<uint32_t>(holder)});
  writer.property("Delegate", true);
  writer.property("DefaultDependencies", false);
  writer.property("CollectMode", "inactive-or-failed");
  for (const char* name : {"MemoryAccounting", "CPUAccounting", "TasksAccounting"})
    writer.property(name, true);
  writer.property(scope.controllers_on_v2 ? "IOAccounting" : "BlockIOAccounting", true);
  limit_properties(scope.resources, scope.controllers_on_v2, writer);
  for (const UnitProperty& property : scope.properties)
    writer.property(property.name, property.value);
  writer.end_array(mark);
  writer.end_array(writer.begin_array(8));
  return {kDestination, kPath, kManager, "StartTransientUnit", "ssa(sv)a(sa(sv))", writer.bytes()};
}

// JobRemoved(u id, o job, s unit, s result).
Result<void> wait_for_job(Bus& bus, const std::string& job, const std::string& unit, const char* what) {
  for (;;) {
    const BusMessage signal = TRY(bus.next_signal("JobRemoved"));
    BusReader reader(signal.body);
    TRY(reader.u32());
    const std::string path = TRY(reader.string());
    TRY(reader.string());
    const std::string result = TRY(reader.string());
    if (path != job) continue;
    if (result == "done") return ok();
    return Error(ErrorKind::kSystem, unit + " was not " + what + ": the job's result is " +
                                         printable(result) + " (see journalctl)");
  }
}

// Over the bus, where systemd's answers can be watched; early in a boot, and on hosts without one, to systemd
// itself.
Result<Bus> connect_to_systemd(const SystemdHost& host) {
  auto bus = Bus::connect(host.bus_socket);
  if (bus || bus.error().kind() != ErrorKind::kNotFound) return bus;
  auto direct = Bus::connect_directly(host.own_socket);
  return direct ? std::move(direct) : std::move(bus);
}

Result<void> watch_jobs(Bus& bus) {
  BusWriter match;
  match.string("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
  TRY(bus.call({"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s",
                match.bytes()}));
  TRY(bus.call({kDestination, kPath, kManager, "Subscribe", "", ""}));
  return ok();
}

Result<void> start_scope(const ScopeRequest& scope, const SystemdHost& host, pid_t holder) {
  Bus bus = TRY(connect_to_systemd(host));
  if (!bus.is_direct()) TRY(watch_jobs(bus));
  const BusMessage answer = TRY(bus.call(start_call(scope, holder)));
  BusReader reader(answer.body);
  const std::string job = TRY(reader.string());
  return wait_for_job(bus, job, scope.unit.name, "started");
}

// A process that does nothing until its end of the pipe is closed, and that nobody has to reap: its parent is
// gone at once.
Result<pid_t> make_holder(Fd& release) {
  sys::Pipe pipe = TRY(sys::pipe2(0));
  const sys::Pipe answer = TRY(sys::pipe2(0));
  const pid_t between = ::fork();
  if (between < 0) return Error::from_errno("fork", errno);
  if (between == 0) {
    const pid_t holder = ::fork();
    if (holder == 0) {
      // Nothing else may be kept open by it: the end of the handshake is told by the closing of its socket.
      ::dup2(pipe.reader.get(), 0);
      (void)sys::close_range(1, ~0U, 0);
      char byte = 0;
      (void)sys::read(0, {&byte, 1});
      ::_exit(0);
    }
    const bool is_sent = ::write(answer.writer.get(), &holder, sizeof holder) == sizeof holder;
    ::_exit(is_sent ? 0 : 1);
  }
  int status = 0;
  (void)::waitpid(between, &status, 0);
  pid_t holder = -1;
  if (status != 0 || ::read(answer.reader.get(), &holder, sizeof holder) != sizeof holder || holder <= 0)
    return Error::from_errno("make a process to hold the scope", EAGAIN);
  release = std::move(pipe.writer);
  return holder;
}

class StartScope : public Step {
 public:
  StartScope(ScopeRequest request, SystemdHost host)
      : Step(Lane::kHost, "start " + request.unit.name + " with systemd"),
        scope_(std::move(request)),
        host_(std::move(host)) {}

  Result<void> perform(StepContext& context) const override {
    if (!path_exists(host_.running_mark)) {
      return unsupported("systemd cgroup driver: no systemd on this host (" + host_.running_mark +
                         " is missing); use the cgroupfs driver");
    }
    Fd release;
    const pid_t holder = TRY(make_holder(release));
    TRY_IN("systemd cgroup driver", start_scope(scope_, host_, holder));
    context.kept.push_back(std::move(release));
    return ok();
  }
  std::string say() const override {
    return "StartTransientUnit(" + scope_.unit.name + ", Slice=" + scope_.unit.slice + ", Delegate=yes)";
  }
  std::string shell() const override {
    return "systemd-run --scope --unit=" + shell_quote(scope_.unit.name) +
           " --slice=" + shell_quote(scope_.unit.slice) + " -p Delegate=yes sleep 60 &";
  }
  std::vector<Undo> undo() const override { return {{"scope", scope_.unit.name}}; }
  Reason why() const override {
    return {"systemd owns the host's cgroups: below a unit that it has delegated nobody disagrees with it",
            "systemd.scope(5)"};
  }

 private:
  ScopeRequest scope_;
  SystemdHost host_;
};

}  // namespace

Result<SystemdUnit> systemd_unit(const std::string& cgroups_path, const std::string& id) {
  SystemdUnit unit = {"system.slice", "vial-" + id + ".scope", ""};
  if (!cgroups_path.empty()) {
    const auto parts = split(cgroups_path, ':');
    if (parts.size() != 3 || parts[2].empty()) {
      return invalid("systemd cgroup driver: cgroupsPath '" + printable(cgroups_path) +
                     "' is not of the form slice:prefix:name");
    }
    if (!parts[0].empty()) unit.slice = parts[0];
    unit.name = parts[1] + (parts[1].empty() ? "" : "-") + parts[2] + ".scope";
    if (parts[2].ends_with(".slice"))
      return invalid("systemd cgroup driver: " + printable(parts[2]) +
                     " is a slice, which holds no processes");
  }
  if (!is_unit_name(unit.name))
    return invalid("systemd cgroup driver: '" + printable(unit.name) + "' is not the name of a unit");
  const std::string above = TRY(slice_path(unit.slice));
  unit.path = above + "/" + unit.name;
  return unit;
}

Result<void> update_scope(const std::string& unit, const Resources& resources, bool controllers_on_v2,
                          const SystemdHost& host) {
  // SetUnitProperties(s name, b runtime, a(sv) properties).
  BusWriter writer;
  writer.string(unit);
  writer.boolean(true);
  const size_t mark = writer.begin_array(8);
  const size_t without = writer.bytes().size();
  limit_properties(resources, controllers_on_v2, writer);
  if (writer.bytes().size() == without) return ok();
  writer.end_array(mark);
  Bus bus = TRY_IN("systemd cgroup driver", connect_to_systemd(host));
  TRY_IN("systemd cgroup driver",
         bus.call({kDestination, kPath, kManager, "SetUnitProperties", "sba(sv)", writer.bytes()}));
  return ok();
}

Result<void> stop_scope(const std::string& unit, const SystemdHost& host) {
  if (!path_exists(host.running_mark)) return ok();
  auto bus = connect_to_systemd(host);
  if (!bus && bus.error().kind() == ErrorKind::kNotFound) return ok();
  if (!bus) return std::move(bus).error();
  if (!bus->is_direct()) TRY(watch_jobs(*bus));
  BusWriter writer;
  writer.string(unit);
  writer.string("replace");
  auto answer = bus->call({kDestination, kPath, kManager, "StopUnit", "ss", writer.bytes()});
  if (!answer && contains(answer.error().text(), "org.freedesktop.systemd1.NoSuchUnit")) return ok();
  if (!answer) return std::move(answer).error();
  BusReader reader(answer->body);
  const std::string job = TRY(reader.string());
  return wait_for_job(*bus, job, unit, "stopped");
}

StepPtr start_scope_step(ScopeRequest request, SystemdHost host) {
  return std::make_unique<StartScope>(std::move(request), std::move(host));
}

}  // namespace cgroups
