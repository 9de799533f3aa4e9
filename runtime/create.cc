#include "runtime/create.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/group.h"
#include "namespaces/ns_set.h"
#include "runtime/delivery.h"
#include "runtime/enter.h"
#include "runtime/gate.h"
#include "runtime/hooks.h"
#include "runtime/lifecycle.h"
#include "runtime/plan.h"
#include "runtime/seal.h"
#include "runtime/state.h"
#include "security/filter_cache.h"

namespace runtime {
namespace {

// Whether others could open our executable through the /proc/PID/exe of an init that starts at once: who is
// in the pid namespace already; a startContainer hook, which is a program of the image's; and where the
// container's program is our file, who comes in later with CAP_SYS_PTRACE of the host's user namespace
// (CVE-2019-5736, ptrace(2)).
bool is_init_exposed(const namespaces::NamespaceSet& own, const Spec& spec) {
  if (!own.is_new("pid") || !spec.hooks.start_container.empty()) return true;
  if (own.is_separate("user") || !spec.process.capabilities) return false;
  const auto& sets = *spec.process.capabilities;
  const auto any = sets.bounding | sets.permitted | sets.effective | sets.inheritable;
  return (any & security::bit(CAP_SYS_PTRACE)) != 0;
}

Result<Spec> parse_spec(const std::string& text) {
  const Json document = TRY(parse_json(text));
  return read_spec(document);  // make_plan() validates it
}

std::string owner_name() {
  const uid_t uid = ::geteuid();
  return uid == 0 ? "root" : std::to_string(uid);
}

std::string rootfs_of(const BundleFile& bundle, const Spec& spec) {
  const std::string& path = spec.root.path;
  return path.starts_with('/') ? path : bundle.directory + "/" + path;
}

cgroups::DeviceRule allowed(char type, std::optional<int64_t> major, std::optional<int64_t> minor,
                            const char* access) {
  return {.allow = true, .type = type, .major = major, .minor = minor, .access = access};
}

// The devices that every container has are allowed after the bundle's rules (config-linux.md "Default
// Devices"), and every node may be made. Those of linux.devices are made and no more: whoever wants them used
// says so in the rules, as runc and crun have it. A bundle without rules gets these alone, as with runc:
// where nobody said that a container may use the host's disks it may not.
void allow_own_devices(Linux& os, const cgroups::Layout& layout) {
  auto& rules = os.resources.devices;
  const bool can_limit = layout.v1_of("devices") != nullptr || !layout.v2_mount_point.empty();
  if (rules.empty() && !can_limit) return;
  rules.push_back(allowed('c', std::nullopt, std::nullopt, "m"));
  rules.push_back(allowed('b', std::nullopt, std::nullopt, "m"));
  constexpr int64_t kMemory = 1;  // null 3, zero 5, full 7, random 8, urandom 9
  for (const int64_t number : {3, 5, 7, 8, 9})
    rules.push_back(allowed('c', kMemory, number, "rwm"));
  constexpr int64_t kTerminal = 5;  // tty 0, ptmx 2
  for (const int64_t number : {0, 2})
    rules.push_back(allowed('c', kTerminal, number, "rwm"));
  constexpr int64_t kPtySlaves = 136;
  rules.push_back(allowed('c', kPtySlaves, std::nullopt, "rwm"));
}

// A container that says no cgroup gets one of its own all the same, unless cgroups are nobody's business.
void choose_cgroup(const ContainerRequest& request, const cgroups::Layout& layout, Spec& spec) {
  allow_own_devices(spec.os, layout);
  if (request.cgroup_manager == CgroupManager::kDisabled) {
    spec.os.cgroups_path.clear();
    spec.os.resources = {};
  } else if (spec.os.cgroups_path.empty()) {
    const bool by_systemd = request.cgroup_manager == CgroupManager::kSystemd;
    spec.os.cgroups_path = by_systemd ? ":vial-oci:" + request.id : "/vial-oci-" + request.id;
  }
}

// One container while it is made.
class Maker {
 public:
  Maker(const ContainerRequest& request, bool has_gate)
      : request_(request), has_gate_(has_gate), made_(std::make_unique<Made>()) {}

  // Reads and computes; leaves nothing on the host but a compiled filter for the next one.
  Result<void> prepare();
  // Does it. To be called once.
  Result<std::unique_ptr<Made>> make();

 private:
  Result<void> plan(const HostFacts& host);
  Result<void> perform();
  Result<LaunchRequest> launch_request();
  Result<void> on_cloned(const ProcessIdentity& init);
  Result<void> hand_over(Launched& launched);
  void describe();

  const ContainerRequest& request_;
  bool has_gate_;
  std::unique_ptr<Made> made_;
  Plan plan_;
  Fd console_socket_;
  bool is_recorded_ = false;
};

void Maker::describe() {
  const Spec& spec = made_->spec;
  ContainerRecord& record = made_->record;
  record.oci_version = spec.oci_version;
  record.id = request_.id;
  record.bundle = request_.bundle.directory;
  record.rootfs = rootfs_of(request_.bundle, spec);
  record.owner = owner_name();
  record.created_ns = now_ns();
  record.annotations = spec.annotations;
  record.waits_at_gate = has_gate_;
  record.has_poststart = !spec.hooks.poststart.empty();
  record.has_poststop = !spec.hooks.poststop.empty();
}

Result<void> Maker::prepare() {
  TRY(check_id(request_.id));
  const std::string& file = request_.bundle.file;
  made_->spec = TRY_IN(file, parse_spec(request_.bundle.text));
  Spec& spec = made_->spec;
  if (spec.process.args.empty()) return invalid(file + ": /process/args: missing");
  const bool stays = !has_gate_ && !request_.is_detached;
  TRY(check_console(spec.process.terminal, stays, request_.console_socket));
  if (request_.console_socket.empty()) settle_window_size(spec.process);
  const auto own = TRY_IN(file + ": /linux/namespaces", namespaces::NamespaceSet::from(spec.os.namespaces));
  if (!has_gate_ && request_.argv != nullptr && is_init_exposed(own, spec)) run_sealed(request_.argv);
  const HostFacts host = TRY(collect_host_facts());
  choose_cgroup(request_, host.cgroups, spec);
  if (request_.listen_fds > 0) {
    spec.process.env.push_back("LISTEN_FDS=" + std::to_string(request_.listen_fds));
    spec.process.env.emplace_back("LISTEN_PID=1");
  }
  made_->warnings = settle_capabilities(spec.os, spec.process);
  describe();
  TRY_IN(file, plan(host));
  return ok();
}

Result<void> Maker::plan(const HostFacts& host) {
  const Spec& spec = made_->spec;
  ContainerRecord& record = made_->record;
  PlanRequest plan;
  plan.spec = &spec;
  plan.id = request_.id;
  plan.bundle = request_.bundle.directory;
  plan.preserve_fds = request_.preserve_fds;
  plan.no_pivot = request_.no_pivot;
  plan.no_new_keyring = request_.no_new_keyring;
  plan.systemd_cgroup = request_.cgroup_manager == CgroupManager::kSystemd;
  plan.names_members = true;
  const std::string cgroup = TRY(cgroup_path_of(plan));
  if (!cgroup.empty()) record.cgroup = TRY_IN("/linux/cgroupsPath", cgroups::group_at(host.cgroups, cgroup));
  if (plan.systemd_cgroup) record.scope = cgroup.substr(cgroup.rfind('/') + 1);
  if (spec.os.seccomp) {
    plan.seccomp.push_back(
        TRY_IN("/linux/seccomp", security::cached_filter(filter_cache(request_.root), *spec.os.seccomp)));
  }
  plan_ = TRY(make_plan(std::move(plan), host));
  return ok();
}

Result<void> Maker::on_cloned(const ProcessIdentity& init) {
  if (!is_recorded_) TRY(made_->directory.write_container(made_->record));
  TRY(made_->directory.write_init(init));
  if (request_.pid_file.empty()) return ok();
  return write_pid_file(request_.pid_file, init.pid);
}

Result<LaunchRequest> Maker::launch_request() {
  LaunchRequest launch;
  launch.plan = &plan_;
  launch.on_journal = [this](const std::vector<Undo>& entries) -> Result<void> {
    made_->record.undo = entries;
    TRY(made_->directory.write_container(made_->record));
    is_recorded_ = true;
    return ok();
  };
  launch.on_cloned = [this](const ProcessIdentity& init) { return on_cloned(init); };
  launch.callers_own.push_back(made_->directory.fd());
  if (console_socket_) launch.callers_own.push_back(console_socket_.get());
  if (has_gate_) launch.gate = TRY(make_gate(made_->directory.fd()));
  launch.start_at_once = !has_gate_;
  return launch;
}

// The caller gets what it asked for before the container can be started.
Result<void> Maker::hand_over(Launched& launched) {
  TRY(deliver(launched, console_socket_, request_.pidfd_socket));
  if (has_gate_) TRY(open_gate(made_->directory.fd()));
  return ok();
}

// To the end of the program: a step's destructor writes to it, and at that time most of the plan's pages are
// shared with an init that waits at its gate, so that each write would copy one.
void leave(Plan plan) {
  static auto& left = *new std::vector<Plan>();
  left.push_back(std::move(plan));
}

Result<void> Maker::perform() {
  LaunchRequest request = TRY(launch_request());
  std::unique_ptr<Launched> launched = TRY(launch(std::move(request)));
  auto done = hand_over(*launched);
  if (done && !has_gate_) done = launched->start();
  if (!done) {
    launched->released = false;
    launched.reset();
    (void)undo_all(made_->record.undo);
    return std::move(done).error();
  }
  leave(std::move(plan_));
  made_->directory.unlock();  // it is made: whoever deletes it, as we do when a hook fails, takes the lock
  for (auto& text : launched->warnings)
    made_->warnings.push_back(std::move(text));
  made_->launched = std::move(launched);
  return ok();
}

Result<std::unique_ptr<Made>> Maker::make() {
  if (made_->spec.process.terminal && request_.on_terminal) request_.on_terminal();
  if (!request_.console_socket.empty())
    console_socket_ = TRY_IN("console socket", connect_to(request_.console_socket));
  StateDirectory& directory = made_->directory;
  directory = TRY(StateDirectory::make(request_.root, request_.id));
  // Ours may have been deleted before we had its lock, and this be that of the next creator, who is ready by
  // now.
  auto done = create_file(directory.file("config.json"), request_.bundle.text);
  if (!done && done.error().kind() == ErrorKind::kConflict)
    return conflict("container with given ID already exists");
  if (done) done = perform();
  if (done) return std::move(made_);
  // Hooks that ran before the failure have their counterpart.
  (void)run_poststop_hooks(made_->spec.hooks.poststop, hook_state(made_->record, Status::kStopped, 0));
  remove_pid_file(request_.pid_file);
  (void)directory.remove();
  return std::move(done).error();
}

}  // namespace

std::vector<std::string> settle_capabilities(const Linux& os, Process& process) {
  std::vector<std::string> missing = process.unknown_capabilities;
  if (!process.capabilities) process.capabilities.emplace();
  auto& sets = *process.capabilities;
  const bool has_user_namespace = std::any_of(os.namespaces.begin(), os.namespaces.end(),
                                              [](const auto& one) { return one.type == "user"; });
  const auto asked = sets.bounding | sets.permitted | sets.inheritable | sets.effective;
  const auto granted = has_user_namespace ? asked : security::own_bounding_set(asked);
  for (auto& name :
       security::capability_names((sets.bounding | sets.permitted | sets.inheritable) & ~granted))
    missing.push_back(std::move(name));
  for (auto* set : {&sets.bounding, &sets.permitted, &sets.inheritable})
    *set &= granted;
  sets.effective &= granted;
  sets.ambient &= sets.permitted & sets.inheritable;
  if (missing.empty()) return {};
  return {"capabilities that can't be granted are left out: " + printable(join(missing, ", "))};
}

Result<BundleFile> read_bundle(const std::string& bundle, const std::string& config) {
  BundleFile found;
  found.directory = TRY(absolute_path(bundle));
  const std::string path = config.empty() ? found.directory + "/config.json" : config;
  auto text = read_file(path);
  if (!text && text.error().error_number() == ENOENT)
    return not_found("JSON specification file " + printable(path) + " not found: no such file or directory");
  if (!text) return std::move(text).error();
  found.text = std::move(*text);
  found.file = printable(path);
  return found;
}

Result<Spec> read_kept_spec(const StateDirectory& directory) {
  const std::string text = TRY(read_file(directory.file("config.json")));
  return TRY_IN("config.json", parse_spec(text));
}

HookState hook_state(const ContainerRecord& record, Status status, pid_t pid) {
  return {record.oci_version, record.id, status_name(status), pid, record.bundle, record.annotations};
}

Result<void> finish_start(const std::string& root, const ContainerRecord& record, const Spec& spec,
                          pid_t pid) {
  if (spec.hooks.poststart.empty()) return ok();
  auto done = run_hooks("poststart", spec.hooks.poststart, hook_state(record, Status::kRunning, pid));
  if (done) return ok();
  std::vector<std::string> warnings;
  (void)delete_container(root, record.id, true, warnings);
  return done;
}

Result<std::unique_ptr<Made>> create_container(const ContainerRequest& request) {
  Maker maker(request, true);
  TRY(maker.prepare());
  return maker.make();
}

Result<std::unique_ptr<Made>> run_container(const ContainerRequest& request) {
  Maker maker(request, false);
  TRY(maker.prepare());
  auto made = TRY(maker.make());
  TRY(finish_start(request.root, made->record, made->spec, made->launched->init.pid));
  return made;
}

}  // namespace runtime
