#include "engine/host_inputs.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/syscalls.h"
#include "engine/layer_view.h"
#include "engine/limits.h"
#include "runtime/seal.h"
#include "security/capabilities.h"
#include "security/masked_paths.h"

namespace engine {

namespace {

constexpr size_t kMaxAccountFile = 4U << 20U;

// A file of accounts; an image without it has no accounts.
Result<std::string> read_accounts(const LayerView& view, const std::string& path) {
  auto text = view.read(path, kMaxAccountFile);
  if (!text && text.error().kind() == ErrorKind::kNotFound) return std::string();
  return text;
}

CallerLimits caller_limits() {
  CallerLimits limits;
  rlimit value = {};
  if (::getrlimit(RLIMIT_NOFILE, &value) == 0) {
    limits.open_files_soft = value.rlim_cur;
    limits.open_files_hard = value.rlim_max;
  }
  if (::getrlimit(RLIMIT_CORE, &value) == 0) limits.core_hard = value.rlim_max;
  return limits;
}

// The path of a namespace of the container `ref`, which must run.
Result<std::string> namespace_of(const Store& store, const std::string& ref, const char* proc_name) {
  const Container other = TRY(store.find(ref));
  if (other.state.pid == 0)
    return conflict("cannot join the namespace of a non running container: container " + other.record.name +
                    " is " + status_name(other.state.status));
  if (std::string_view(proc_name) == "pid") TRY(runtime::check_first_process(other.state.pid));
  return "/proc/" + std::to_string(other.state.pid) + "/ns/" + proc_name;
}

Result<std::map<std::string, std::string>> joined_namespaces(const Store& store, const RunRequest& request) {
  std::map<std::string, std::string> joined;
  struct Choice {
    const char* type;
    const char* proc_name;
    const std::string& mode;
  };
  const Choice choices[] = {{"pid", "pid", request.pid_mode},
                            {"ipc", "ipc", request.ipc_mode},
                            {"network", "net", request.network_mode}};
  for (const auto& choice : choices) {
    if (sharing_of(choice.mode) != Sharing::kContainer) continue;
    joined[choice.type] = TRY(namespace_of(store, container_of(choice.mode), choice.proc_name));
  }
  return joined;
}

Result<void> collect_devices(const RunRequest& request, SpecInputs& inputs) {
  for (const auto& text : request.devices) {
    const DeviceOption option = TRY(parse_device(text));
    auto grants = TRY(find_devices(option));
    for (auto& grant : grants)
      inputs.devices.push_back(std::move(grant));
  }
  for (const auto& text : request.device_cgroup_rules)
    inputs.device_rules.push_back(TRY(parse_device_rule(text)));
  if (request.privileged) inputs.host_devices = TRY(host_devices());
  return ok();
}

}  // namespace

Snapshot snapshot_of(const Store& store, const ContainerRecord& record) {
  Snapshot snapshot;
  snapshot.layers_root = store.root() + "/layers";
  snapshot.layers = record.image.layer_directories;
  snapshot.container_directory = store.container_directory(record.id);
  snapshot.is_volatile = record.request.remove;
  return snapshot;
}

std::string cgroups_path_of(const ContainerRecord& record) {
  const std::string& parent = record.request.cgroup_parent;
  if (parent.empty()) return "/vial/" + record.id;
  return (parent.starts_with('/') ? parent : "/" + parent) + "/" + record.id;
}

Result<ContainerUser> look_up_user(const Snapshot& snapshot, const std::string& user,
                                   const std::vector<std::string>& group_add) {
  const LayerView view = TRY(LayerView::open(snapshot_directories(snapshot)));
  AccountFiles files;
  files.passwd = TRY(read_accounts(view, "/etc/passwd"));
  files.group = TRY(read_accounts(view, "/etc/group"));
  return find_user(user, group_add, files);
}

Result<std::string> find_init_program() {
  // run_sealed() leaves the real path here: our /proc/self/exe may be a mount that has no path.
  const char* executable = ::getenv("VIAL_EXECUTABLE");  // NOLINT(concurrency-mt-unsafe): one thread
  std::string self = executable != nullptr ? executable : "";
  if (self.empty()) self = TRY(sys::readlinkat(AT_FDCWD, "/proc/self/exe"));
  const std::string directory = self.substr(0, self.rfind('/'));
  for (const char* place : {"/vial-init", "/../libexec/vial/vial-init"}) {
    if (path_exists(directory + place)) return directory + place;
  }
  return not_found("vial-init, the program for --init, is neither in " + directory + " nor in " + directory +
                   "/../libexec/vial");
}

Result<SpecInputs> collect_inputs(const Store& store, const ContainerRecord& record,
                                  const runtime::HostFacts& host) {
  const RunRequest& request = record.request;
  SpecInputs inputs;
  inputs.record = &record;
  const std::string user = request.user.empty() ? record.image.user : request.user;
  inputs.user = TRY(look_up_user(snapshot_of(store, record), user, request.group_add));
  inputs.security = TRY(parse_security_options(request.security_opts));
  inputs.rlimits = TRY(collect_rlimits(request.ulimits, caller_limits()));
  inputs.resources = TRY(resources_of(request.limits));
  TRY(collect_devices(request, inputs));
  inputs.joined = TRY(joined_namespaces(store, request));
  inputs.host_capabilities = security::own_bounding_set();
  inputs.kernel_major = host.kernel_major;
  inputs.kernel_minor = host.kernel_minor;
  inputs.masked_paths = security::masked_paths_of_this_host();
  inputs.readonly_paths = security::default_readonly_paths();
  inputs.run_directory = store.run_directory(record.id);
  if (request.init) inputs.init_program = TRY(find_init_program());
  inputs.cgroups_path = cgroups_path_of(record);
  winsize window = {};
  if (request.tty && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &window) == 0) {
    inputs.console_rows = window.ws_row;
    inputs.console_columns = window.ws_col;
  }
  return inputs;
}

}  // namespace engine
