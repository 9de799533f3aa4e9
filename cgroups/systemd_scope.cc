#include "cgroups/systemd_scope.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/bus.h"

namespace cgroups {
namespace {

constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr const char* kSystemdPath = "/org/freedesktop/systemd1";
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

void write_properties(const std::vector<UnitProperty>& properties, BusWriter& writer) {
  for (const UnitProperty& property : properties)
    writer.property(property.name, property.value);
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
  writer.property(scope.on_v2 ? "IOAccounting" : "BlockIOAccounting", true);
  write_properties(limit_properties(scope.resources, scope.on_v2), writer);
  if (!scope.on_v2) write_properties(device_properties(scope.resources.devices), writer);
  write_properties(scope.properties, writer);
  writer.end_array(mark);
  writer.end_array(writer.begin_array(8));
  return {kSystemd, kSystemdPath, kManager, "StartTransientUnit", "ssa(sv)a(sa(sv))", writer.bytes()};
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
  TRY(bus.call({kSystemd, kSystemdPath, kManager, "Subscribe", "", ""}));
  return ok();
}

// SetUnitProperties(s name, b runtime, a(sv) properties).
Result<void> set_properties(Bus& bus, const std::string& unit, const std::vector<UnitProperty>& properties) {
  if (properties.empty()) return ok();
  BusWriter writer;
  writer.string(unit);
  writer.boolean(true);
  const size_t mark = writer.begin_array(8);
  write_properties(properties, writer);
  writer.end_array(mark);
  TRY(bus.call({kSystemd, kSystemdPath, kManager, "SetUnitProperties", "sba(sv)", writer.bytes()}));
  return ok();
}

// What systemd can be told only when the group is there, and what an older one does not know: that leaves the
// file alone, too.
Result<void> set_late_properties(Bus& bus, const ScopeChange& change) {
  const std::string bfq = change.on_v2 ? "/io.bfq.weight" : "/blkio.bfq.weight";
  const BlockIo& block_io = change.resources.block_io;
  const auto weights = weight_properties(block_io, change.on_v2, path_exists(change.io_directory + bfq));
  TRY(set_properties(bus, change.unit, weights));
  if (!change.on_v2) return ok();
  for (const UnitProperty& property : late_properties(change.resources)) {
    auto result = set_properties(bus, change.unit, {property});
    if (result) continue;
    const std::string& text = result.error().text();
    const bool is_unknown = contains(text, "org.freedesktop.DBus.Error.InvalidArgs") ||
                            contains(text, "org.freedesktop.DBus.Error.PropertyReadOnly");
    if (!is_unknown) return result;
  }
  return ok();
}

Result<void> start_scope(const ScopeRequest& scope, const SystemdHost& host, pid_t holder) {
  Bus bus = TRY(connect_to_systemd(host));
  if (!bus.is_direct()) TRY(watch_jobs(bus));
  const BusMessage answer = TRY(bus.call(start_call(scope, holder)));
  BusReader reader(answer.body);
  const std::string job = TRY(reader.string());
  TRY(wait_for_job(bus, job, scope.unit.name, "started"));
  return set_late_properties(bus, {scope.unit.name, scope.resources, scope.on_v2, scope.io_directory});
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

// Whether we are root of the namespace that the system's systemd is in: all user ids are mapped to themselves
// (user_namespaces(7)). It takes orders from nobody else.
bool is_root_of_host() {
  const std::string map = read_file("/proc/self/uid_map").value_or("");
  std::vector<std::string> numbers;
  for (const std::string& word : split(trim(map), ' ')) {
    if (!word.empty()) numbers.push_back(word);
  }
  return ::geteuid() == 0 && numbers == std::vector<std::string>{"0", "0", "4294967295"};
}

class StartScope : public Step {
 public:
  StartScope(ScopeRequest request, SystemdHost host)
      : Step(Lane::kHost, "start " + request.unit.name + " with systemd"),
        scope_(std::move(request)),
        host_(std::move(host)) {}

  Result<void> perform(StepContext& context) const override {
    if (!is_root_of_host()) {
      return unsupported(
          "systemd cgroup driver: only the host's root may have scopes of the system's systemd, and a user's "
          "systemd is not asked; use the cgroupfs driver");
    }
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

Result<void> update_scope(const ScopeChange& change, const SystemdHost& host) {
  const std::vector<UnitProperty> properties = limit_properties(change.resources, change.on_v2);
  const BlockIo& block_io = change.resources.block_io;
  const bool has_late =
      block_io.weight || !block_io.weight_devices.empty() || !late_properties(change.resources).empty();
  if (properties.empty() && !has_late) return ok();
  Bus bus = TRY_IN("systemd cgroup driver", connect_to_systemd(host));
  TRY_IN("systemd cgroup driver", set_properties(bus, change.unit, properties));
  TRY_IN("systemd cgroup driver", set_late_properties(bus, change));
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
  auto answer = bus->call({kSystemd, kSystemdPath, kManager, "StopUnit", "ss", writer.bytes()});
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
