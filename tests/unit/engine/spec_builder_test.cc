#include "engine/spec_builder.h"

#include <catch2/catch.hpp>

#include "base/strings.h"
#include "engine/snapshot.h"
#include "security/capabilities.h"

using engine::ContainerRecord;
using engine::SpecInputs;

namespace {

struct Built {
  ContainerRecord record;
  SpecInputs inputs;
  Built() {
    record.id = std::string(64, 'a');
    record.hostname = "aaaaaaaaaaaa";
    record.args = {"sh"};
    record.image.env = {"PATH=/bin"};
    inputs.record = &record;
    inputs.host_capabilities = security::all_capabilities();
    inputs.run_directory = "/run/x";
    inputs.cgroups_path = "/vial/x";
    inputs.masked_paths = {"/proc/kcore"};
    inputs.readonly_paths = {"/proc/sys"};
  }
  Built(const Built&) = delete;
  Built& operator=(const Built&) = delete;
  runtime::Spec spec() const {
    auto built = engine::build_spec(inputs);
    INFO((built ? std::string() : built.error().text()));
    REQUIRE(built);
    return *built;
  }
};

const namespaces::Mount* mount_at(const runtime::Spec& spec, const std::string& path) {
  const namespaces::Mount* found = nullptr;
  for (const auto& mount : spec.mounts) {
    if (mount.destination != path) continue;
    CHECK(found == nullptr);  // each place once
    found = &mount;
  }
  return found;
}

bool has_option(const runtime::Spec& spec, const std::string& path, const std::string& option) {
  const auto* mount = mount_at(spec, path);
  return mount != nullptr &&
         std::find(mount->options.begin(), mount->options.end(), option) != mount->options.end();
}

std::string namespaces_of(const runtime::Spec& spec) {
  std::vector<std::string> names;
  for (const auto& entry : spec.os.namespaces)
    names.push_back(entry.type + (entry.path.empty() ? "" : "=" + entry.path));
  return join(names, " ");
}

}  // namespace

TEST_CASE("the default container") {
  const Built built;
  const auto spec = built.spec();
  CHECK(namespaces_of(spec) == "mount pid ipc uts network cgroup");
  CHECK(spec.hostname == "aaaaaaaaaaaa");
  CHECK(spec.process.cwd == "/");
  CHECK(spec.process.env[0] == "PATH=/bin");
  CHECK(spec.process.capabilities->bounding == security::default_capabilities());
  CHECK(spec.process.capabilities->ambient == 0);
  CHECK(spec.os.masked_paths.size() == 1);
  CHECK(spec.os.seccomp);
  CHECK(spec.os.sysctl.at("net.ipv4.ip_unprivileged_port_start") == "0");
  CHECK_FALSE(spec.os.resources.devices[0].allow);
  CHECK(has_option(spec, "/sys", "ro"));
  CHECK(has_option(spec, "/sys/fs/cgroup", "ro"));
  CHECK(has_option(spec, "/dev/shm", "size=67108864"));
  CHECK(mount_at(spec, "/etc/hosts")->source == "/run/x/hosts");
}

TEST_CASE("a user that is not root starts without capabilities") {
  Built built;
  built.inputs.user.uid = 1000;
  const auto spec = built.spec();
  CHECK(spec.process.capabilities->effective == 0);
  CHECK(spec.process.capabilities->permitted == 0);
  CHECK(spec.process.capabilities->bounding == security::default_capabilities());
}

TEST_CASE("--privileged opens what is closed, within what we have") {
  Built built;
  built.record.request.privileged = true;
  built.inputs.host_capabilities = 0xff;
  const auto spec = built.spec();
  CHECK(spec.process.capabilities->bounding == 0xff);
  CHECK(spec.os.masked_paths.empty());
  CHECK(spec.os.readonly_paths.empty());
  CHECK_FALSE(spec.os.seccomp);
  CHECK(spec.os.resources.devices.size() == 1);
  CHECK_FALSE(has_option(spec, "/sys", "ro"));
}

TEST_CASE("a capability that this machine does not give is refused by name") {
  Built built;
  built.record.request.cap_add = {"SYS_ADMIN"};
  built.inputs.host_capabilities = 1;
  const auto refused = engine::build_spec(built.inputs);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::kUnsupported);
  CHECK(contains(refused.error().text(), "CAP_SYS_ADMIN"));
}

TEST_CASE("namespaces are shared with the host or another container") {
  Built built;
  auto& request = built.record.request;
  request.pid_mode = "host";
  request.ipc_mode = "host";
  request.uts_mode = "host";
  request.network_mode = "container:x";
  request.cgroupns_mode = "host";
  built.inputs.joined["network"] = "/proc/7/ns/net";
  const auto spec = built.spec();
  CHECK(namespaces_of(spec) == "mount network=/proc/7/ns/net");
  CHECK(spec.hostname.empty());
  CHECK(spec.os.sysctl.empty());  // they would change the other's
  CHECK(mount_at(spec, "/dev/shm")->source == "/dev/shm");
}

TEST_CASE("mounts of the user replace ours, read-only goes all the way down") {
  Built built;
  built.record.mounts = {
      {.type = "bind", .source = "/h", .destination = "/etc/hosts", .read_only = true},
      {.type = "bind", .source = "/h", .destination = "/x", .read_only = true, .shallow_read_only = true},
      {.type = "tmpfs", .destination = "/dev/shm", .options = {"exec", "size=1m"}}};
  const auto spec = built.spec();
  CHECK(mount_at(spec, "/etc/hosts")->source == "/h");
  CHECK(has_option(spec, "/etc/hosts", "rro"));
  CHECK(has_option(spec, "/x", "ro"));
  CHECK_FALSE(has_option(spec, "/dev/shm", "noexec"));
  CHECK(has_option(spec, "/dev/shm", "nosuid"));
}

TEST_CASE("--init, working directory, profiles") {
  Built built;
  built.inputs.init_program = "/usr/libexec/vial/vial-init";
  built.record.image.workdir = "/app";
  const auto spec = built.spec();
  CHECK(spec.process.args == std::vector<std::string>{"/dev/init", "--", "sh"});
  CHECK(has_option(spec, "/dev/init", "ro"));
  CHECK(spec.process.cwd == "/app");
  built.record.request.workdir = "relative";
  CHECK_FALSE(engine::build_spec(built.inputs));
  built.record.request.workdir = "";
  built.inputs.security.seccomp_profile = "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";
  CHECK(built.spec().os.seccomp->default_action == "SCMP_ACT_ALLOW");
  built.inputs.security.seccomp_profile = "{";
  CHECK_FALSE(engine::build_spec(built.inputs));
}

TEST_CASE("100 layers fit one mount, too many are refused") {
  engine::Snapshot snapshot = {
      "/var/lib/vial/layers", {}, "/var/lib/vial/containers/" + std::string(64, 'a'), false};
  CHECK_FALSE(engine::mount_snapshot_step(snapshot));
  snapshot.layers.assign(100, "0123456789abcdef");
  snapshot.layers.back() = "fedcba9876543210";
  const auto step = engine::mount_snapshot_step(snapshot);
  REQUIRE(step);
  CHECK(contains((*step)->say(), "lowerdir=fedcba9876543210/fs:0123456789abcdef/fs:"));
  snapshot.layers.assign(500, "0123456789abcdef");
  CHECK_FALSE(engine::mount_snapshot_step(snapshot));
  CHECK(engine::snapshot_directories(snapshot)[0].ends_with("/upper"));
}
