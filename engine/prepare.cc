#include "engine/prepare.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "engine/environment.h"
#include "engine/host_inputs.h"
#include "engine/log_writer.h"
#include "engine/mount_points.h"
#include "engine/names.h"
#include "engine/network_files.h"
#include "engine/volumes.h"
#include "image/descriptor.h"
#include "image/store.h"
#include "security/filter_cache.h"
#include "security/seccomp_profile.h"

namespace engine {

namespace {

constexpr size_t kShortId = 12;

int host_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

ImageFacts facts_of(const image::Image& image, const std::string& reference) {
  ImageFacts facts;
  facts.id = image.id.text();
  facts.reference = reference;
  facts.env = image.config.env;
  facts.command = image.config.cmd;
  facts.entrypoint = image.config.entrypoint;
  facts.user = image.config.user;
  facts.workdir = image.config.working_dir;
  facts.stop_signal = image.config.stop_signal;
  facts.volumes = image.config.volumes;
  facts.exposed_ports = image.config.exposed_ports;
  facts.labels = image.config.labels;
  facts.layer_directories = image.layer_directories();
  return facts;
}

// Docker's rule: a given entrypoint makes the image's command void.
Result<std::vector<std::string>> arguments_of(const RunRequest& request, const ImageFacts& image) {
  std::vector<std::string> args;
  if (request.entrypoint) {
    if (!request.entrypoint->empty()) args.push_back(*request.entrypoint);
  } else {
    args = image.entrypoint;
  }
  const bool use_image_command = request.command.empty() && !request.entrypoint;
  const auto& command = use_image_command ? image.command : request.command;
  args.insert(args.end(), command.begin(), command.end());
  if (args.empty()) return invalid("no command specified");
  return args;
}

Result<std::vector<std::string>> resolved_environment(const RunRequest& request) {
  const auto entries = TRY(given_environment(request.env_files, request.env));
  // Later ones win; a name without a value stays in the list, to unset the image's.
  std::vector<std::string> unique;
  for (const auto& entry : entries) {
    const std::string name = entry.substr(0, entry.find('='));
    std::erase_if(unique, [&](const auto& other) { return other.substr(0, other.find('=')) == name; });
    unique.push_back(entry);
  }
  return unique;
}

Result<std::string> resolve_mode(const Store& store, const std::string& mode) {
  const std::string other = container_of(mode);
  if (other.empty()) return mode;
  const std::string id = TRY(store.resolve(other));
  return "container:" + id;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> buffer = {};
  return ::gethostname(buffer.data(), buffer.size() - 1) == 0 ? buffer.data() : "localhost";
}

Result<std::string> hostname_of(const Store& store, const ContainerRecord& record) {
  const RunRequest& request = record.request;
  if (!request.hostname.empty()) return request.hostname;
  if (request.uts_mode == "host" || request.network_mode == "host") return host_name();
  if (sharing_of(request.network_mode) == Sharing::kContainer) {
    const Container other = TRY(store.load(container_of(request.network_mode)));
    return other.record.hostname;
  }
  return record.id.substr(0, kShortId);
}

Result<void> resolve_mounts(const Store& store, ContainerRecord& record) {
  record.mounts =
      TRY(collect_mounts(record.request, record.image.volumes, working_directory().value_or("/")));
  for (auto& mount : record.mounts) {
    if (mount.type == "volume") {
      if (mount.anonymous) mount.name = new_id();
      mount.source = store.volume_directory(mount.name) + "/_data";
    } else if (mount.type == "bind" && !mount.create_host && !path_exists(mount.source)) {
      return invalid("invalid mount config for type \"bind\": bind source path does not exist: " +
                     mount.source);
    }
  }
  return ok();
}

}  // namespace

Result<ContainerRecord> make_record(const Store& store, const RunRequest& request, const std::string& id) {
  TRY(check_request(request, host_cpus()));
  const image::Store images(store.root());
  const image::Image image = TRY(images.find(request.image));
  TRY(image::expect_platform(image, request.image, request.platform));
  ContainerRecord record;
  record.id = id;
  record.created_ns = now_ns();
  record.request = request;
  record.name = bare_name(request.name);
  record.image = facts_of(image, request.image);
  record.args = TRY(arguments_of(request, record.image));
  record.request.env = TRY(resolved_environment(request));
  record.request.env_files.clear();
  record.request.security_opts = TRY(load_security_files(request.security_opts));
  const SecurityOptions security = TRY(parse_security_options(record.request.security_opts));
  record.warnings = security.warnings;
  record.request.pid_mode = TRY(resolve_mode(store, request.pid_mode));
  record.request.ipc_mode = TRY(resolve_mode(store, request.ipc_mode));
  record.request.network_mode = TRY(resolve_mode(store, request.network_mode));
  record.hostname = TRY(hostname_of(store, record));
  record.stop_signal = request.stop_signal.empty() ? record.image.stop_signal : request.stop_signal;
  if (record.stop_signal.empty()) record.stop_signal = "SIGTERM";
  TRY(parse_signal(record.stop_signal));
  TRY(resolve_mounts(store, record));
  TRY(log_settings(request, ""));
  TRY(hosts_file(request.extra_hosts));
  return record;
}

Result<std::vector<security::FilterProgram>> seccomp_programs(const Store& store, const runtime::Spec& spec) {
  std::vector<security::FilterProgram> programs;
  if (!spec.os.seccomp) return programs;
  const std::string cache = store.run_root() + "/seccomp";
  const auto deny = security::deny_filter(spec.process.capabilities->bounding);
  programs.push_back(TRY(security::cached_filter(cache, deny)));
  programs.push_back(TRY_IN("seccomp profile", security::cached_filter(cache, *spec.os.seccomp)));
  return programs;
}

Result<Prepared> prepare_start(const Store& store, const ContainerRecord& record) {
  const runtime::HostFacts host = TRY(runtime::collect_host_facts());
  const SpecInputs inputs = TRY(collect_inputs(store, record, host));
  Prepared prepared;
  prepared.spec = TRY(build_spec(inputs));
  runtime::PlanRequest request;
  request.spec = &prepared.spec;
  request.id = record.id;
  request.bundle = store.container_directory(record.id);
  request.seccomp = TRY(seccomp_programs(store, prepared.spec));
  const Snapshot snapshot = snapshot_of(store, record);
  request.before_rootfs.push_back(TRY(mount_snapshot_step(snapshot)));
  const std::string& directory = prepared.spec.process.cwd;
  if (record.request.read_only && directory != "/")
    request.before_rootfs.push_back(make_working_directory_step(snapshot, directory));
  request.rootfs_is_mount = true;
  prepared.group = TRY(cgroups::group_at(host.cgroups, inputs.cgroups_path));
  prepared.plan = TRY(runtime::make_plan(std::move(request), host));
  return prepared;
}

Result<void> prepare_mount_sources(const ContainerRecord& record, const Store& store) {
  constexpr mode_t kBindMode = 0755;
  for (const auto& mount : record.mounts) {
    if (mount.type == "volume") {
      TRY_IN("volume " + mount.name, make_volume(store, mount));
    } else if (mount.type == "bind" && !path_exists(mount.source)) {
      if (!mount.create_host)
        return invalid("invalid mount config for type \"bind\": bind source path does not exist: " +
                       mount.source);
      TRY_IN("error while creating mount source path '" + mount.source + "'",
             make_directories(mount.source, kBindMode));
    }
  }
  return ok();
}

Result<std::vector<NetworkFile>> network_files(const ContainerRecord& record) {
  const RunRequest& request = record.request;
  std::string hosts = TRY(hosts_file(request.extra_hosts));
  const bool is_host_network = request.network_mode == "host";
  if (is_host_network && request.extra_hosts.empty())
    hosts = read_file("/etc/hosts").value_or(std::move(hosts));
  const std::string host_resolver = read_file("/etc/resolv.conf").value_or("");
  const std::string resolver =
      resolver_file(host_resolver, {request.dns, request.dns_search, request.dns_options}, is_host_network);
  return std::vector<NetworkFile>{
      {"hosts", hosts}, {"hostname", record.hostname + "\n"}, {"resolv.conf", resolver}};
}

Result<void> write_network_files(const Store& store, const ContainerRecord& record) {
  const std::string directory = store.run_directory(record.id) + "/";
  // The container's users read them; the directory around them is ours alone.
  constexpr mode_t kReadable = 0644;
  const auto files = TRY(network_files(record));
  for (const auto& file : files) {
    // Written in place: a running container has the file bound by its inode.
    const Fd fd =
        TRY(sys::open((directory + file.name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, kReadable));
    TRY(write_all(fd.get(), file.text));
    TRY(sys::fchmod(fd.get(), kReadable));
  }
  return ok();
}

}  // namespace engine
