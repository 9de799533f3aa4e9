#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "engine/devices.h"
#include "engine/environment.h"
#include "engine/limits.h"
#include "engine/mount_points.h"
#include "engine/process_options.h"
#include "tests/unit/temporary_directory.h"

using engine::RunRequest;

namespace {

template <typename T>
std::string text_of(const Result<T>& result) {
  return result ? "accepted" : result.error().text();
}

std::optional<std::string> nobody_set_it(const std::string&) {
  return std::nullopt;
}
std::optional<std::string> always_x(const std::string&) {
  return "x";
}

std::string check(const RunRequest& request) {
  return text_of(engine::check_request(request, 2));
}

}  // namespace

TEST_CASE("-v: paths, volumes, options") {
  const auto bind = engine::parse_volume("/src:/dst:ro,rslave", "/cwd");
  REQUIRE(bind);
  CHECK(bind->type == "bind");
  CHECK(bind->source == "/src");
  CHECK(bind->destination == "/dst");
  CHECK(bind->read_only);
  CHECK(bind->propagation == "rslave");
  CHECK(bind->create_host);
  CHECK(engine::parse_volume("./a/../b:/dst", "/cwd")->source == "/cwd/b");
  CHECK(engine::parse_volume("..:/dst:z", "/cwd/x")->source == "/cwd");
  const auto volume = engine::parse_volume("data:/dst/", "/cwd");
  REQUIRE(volume);
  CHECK(volume->type == "volume");
  CHECK(volume->name == "data");
  CHECK(volume->destination == "/dst");
  CHECK(engine::parse_volume("/only", "/cwd")->anonymous);
}

TEST_CASE("-v: docker's refusals") {
  const auto refusal = [](const char* text) { return text_of(engine::parse_volume(text, "/")); };
  CHECK(refusal("/a:/b:zz") == "invalid mode: zz");
  CHECK(refusal("/a:/b:ro,rw") == "invalid mode: ro,rw");
  CHECK(refusal("/a:/b:ro:x") == "invalid volume specification: '/a:/b:ro:x'");
  CHECK(refusal(":/b") == "invalid spec: :/b: empty section between colons");
  CHECK(refusal("/a:/") == "invalid specification: destination can't be '/'");
  CHECK(refusal("/a:/x/..") == "invalid specification: destination can't be '/'");
  CHECK(refusal("/a:b").starts_with("invalid mount config"));
  CHECK(refusal("x*y:/b").starts_with(
      "create x*y: \"x*y\" includes invalid characters for a local volume name"));
  CHECK(refusal("a/b:/c").starts_with("create a/b: "));
}

TEST_CASE("--mount") {
  const auto bind = engine::parse_mount("type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared", "/");
  REQUIRE(bind);
  CHECK(bind->type == "bind");
  CHECK(bind->read_only);
  CHECK(bind->propagation == "rshared");
  CHECK_FALSE(bind->create_host);
  const auto quoted = engine::parse_mount("type=bind,\"src=/a,\"\"b\",target=/b,ro=false", "/");
  REQUIRE(quoted);
  CHECK(quoted->source == "/a,\"b");
  CHECK_FALSE(quoted->read_only);
  const auto tmpfs = engine::parse_mount("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770", "/");
  REQUIRE(tmpfs);
  CHECK(tmpfs->options == std::vector<std::string>{"size=1048576", "mode=1770"});
  CHECK(engine::parse_mount("src=data,dst=/d,volume-nocopy", "/")->name == "data");
  CHECK(engine::parse_mount("dst=/d", "/")->anonymous);
  const auto refusal = [](const char* text) { return text_of(engine::parse_mount(text, "/")); };
  CHECK(refusal("type=bind,src=/a") == "invalid mount config: target is required");
  CHECK(refusal("type=nfs,dst=/a").starts_with("invalid mount type \"nfs\""));
  CHECK(refusal("type=bind,src=/a,dst=/b,bogus=1") == "unexpected key 'bogus' in 'bogus=1'");
  CHECK(refusal("type=bind,src=/a,dst") == "invalid field 'dst' must be a key=value pair");
  CHECK(refusal("type=tmpfs,src=/a,dst=/b").starts_with("invalid mount config for type \"tmpfs\""));
  CHECK(refusal("type=bind,dst=/b,src=/a,volume-nocopy").starts_with("cannot mix 'volume-*'"));
}

TEST_CASE("mounts are collected, checked against each other and sorted") {
  RunRequest request;
  request.volumes = {"/host:/a/b/c", "/host:/a"};
  request.tmpfs = {"/run:size=64k,ro"};
  const auto mounts = engine::collect_mounts(request, {"/a", "/data"}, "/");
  REQUIRE(mounts);
  REQUIRE(mounts->size() == 4);
  CHECK((*mounts)[0].destination == "/a");
  CHECK((*mounts)[1].read_only);
  CHECK((*mounts)[1].options == std::vector<std::string>{"size=64k"});
  CHECK((*mounts)[2].destination == "/data");
  CHECK((*mounts)[2].anonymous);
  CHECK((*mounts)[3].destination == "/a/b/c");
  request.volumes = {"/x:/a", "/y:/a/"};
  CHECK(text_of(engine::collect_mounts(request, {}, "/")) == "Duplicate mount point: /a");
  CHECK(text_of(engine::collect_mounts({}, {"/"}, "/")).starts_with("volume of the image: "));
  CHECK(engine::collect_mounts({}, {"/../../x"}, "/")->at(0).destination == "/x");
}

TEST_CASE("-e and --env-file") {
  CHECK(engine::resolve_variable("A=b=c", nobody_set_it).value() == "A=b=c");
  CHECK(engine::resolve_variable("A", nobody_set_it).value() == "A");
  CHECK(engine::resolve_variable("A", always_x).value() == "A=x");
  CHECK(text_of(engine::resolve_variable("=b", always_x)) == "invalid environment variable: =b");
  const auto entries = engine::parse_env_file(
      "\xEF\xBB\xBF"
      "A=1\r\n  # no\n\n  B=\"q\" \nC\n",
      always_x);
  REQUIRE(entries);
  CHECK(*entries == std::vector<std::string>{"A=1", "B=\"q\" ", "C=x"});
  CHECK(engine::parse_env_file("C\n", nobody_set_it)->empty());
  CHECK(text_of(engine::parse_env_file("A B=1", always_x)) == "variable 'A B' contains whitespaces");
  CHECK(text_of(engine::parse_env_file("=1", always_x)) == "no variable name on line '=1'");
}

TEST_CASE("a container's environment is built from nothing, in docker's order") {
  const auto env = engine::container_environment({.image = {"PATH=/bin", "LANG=C", "GONE=1"},
                                                  .request = {"B=2", "LANG=de", "GONE"},
                                                  .hostname = "h",
                                                  .home = "/root",
                                                  .tty = true});
  CHECK(env ==
        std::vector<std::string>{"PATH=/bin", "HOSTNAME=h", "TERM=xterm", "B=2", "LANG=de", "HOME=/root"});
  CHECK(engine::container_environment({.request = {"HOME=/x"}, .hostname = "h"}).back() == "HOME=/x");
}

TEST_CASE("--ulimit") {
  const auto limit = engine::parse_ulimit("nofile=10:20");
  REQUIRE(limit);
  CHECK(limit->type == "RLIMIT_NOFILE");
  CHECK(limit->soft == 10);
  CHECK(limit->hard == 20);
  CHECK_FALSE(limit->best_effort);
  CHECK(engine::parse_ulimit("core=-1")->hard == UINT64_MAX);
  CHECK(text_of(engine::parse_ulimit("nofile")) == "invalid ulimit argument: nofile");
  CHECK(text_of(engine::parse_ulimit("files=1")) == "invalid ulimit type: files");
  CHECK(text_of(engine::parse_ulimit("nofile=5:3")) ==
        "ulimit soft limit must be less than or equal to hard limit: 5 > 3");
  const auto limits = engine::collect_rlimits({"nofile=1", "nofile=2"}, {.open_files_hard = 4096});
  REQUIRE(limits);
  REQUIRE(limits->size() == 2);
  CHECK((*limits)[0].soft == 2);
  CHECK((*limits)[1].type == "RLIMIT_CORE");
  CHECK((*limits)[1].best_effort);
  CHECK(engine::collect_rlimits({}, {.open_files_soft = 1 << 20, .open_files_hard = 4096})->at(0).soft ==
        4096);
}

TEST_CASE("--security-opt") {
  const auto options = engine::parse_security_options(
      {"no-new-privileges", "seccomp=unconfined", "systempaths=unconfined", "label=disable"});
  REQUIRE(options);
  CHECK(options->no_new_privileges);
  CHECK(options->seccomp_unconfined);
  CHECK(options->system_paths_unconfined);
  CHECK(options->warnings.size() == 1);
  CHECK_FALSE(engine::parse_security_options({"no-new-privileges:false"})->no_new_privileges);
  CHECK(engine::parse_security_options({"no-new-privileges:true"})->no_new_privileges);
  CHECK(engine::parse_security_options({"seccomp={\"a\":1}"})->seccomp_profile == "{\"a\":1}");
  CHECK(text_of(engine::parse_security_options({"bogus"})) == "invalid --security-opt: \"bogus\"");
  CHECK(text_of(engine::parse_security_options({"no-new-privileges=maybe"})).starts_with("invalid"));
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/p.json";
  REQUIRE(create_file(path, "{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }"));
  CHECK(engine::load_security_files({"seccomp=" + path})->at(0) ==
        "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
  CHECK(text_of(engine::load_security_files({"seccomp=/nosuch"}))
            .starts_with("opening seccomp profile (/nosuch)"));
}

TEST_CASE("--device and its rules") {
  const auto device = engine::parse_device("/dev/null:/dev/x:r");
  REQUIRE(device);
  CHECK(device->container == "/dev/x");
  CHECK(device->access == "r");
  CHECK(engine::parse_device("/dev/null:rw")->access == "rw");
  CHECK(text_of(engine::parse_device("/dev/null:/dev/x:q")) == "invalid device mode: q");
  CHECK(text_of(engine::parse_device("/dev/null::r")) == "invalid device specification: /dev/null::r");
  const auto grants = engine::find_devices(*device);
  REQUIRE(grants);
  REQUIRE(grants->size() == 1);
  CHECK((*grants)[0].node.major == 1);
  CHECK((*grants)[0].node.minor == 3);
  CHECK((*grants)[0].rule.access == "r");
  CHECK(text_of(engine::find_devices({.host = "/dev/nosuch"})) ==
        "error gathering device information while adding custom device \"/dev/nosuch\": no such file or "
        "directory");
  CHECK(text_of(engine::find_devices({.host = "/etc/passwd"})).ends_with("not a device node"));
  const auto rule = engine::parse_device_rule("c 1:* rw");
  REQUIRE(rule);
  CHECK(rule->major == std::optional<int64_t>(1));
  CHECK_FALSE(rule->minor);
  CHECK(text_of(engine::parse_device_rule("x 1:1 r")) == "invalid device cgroup format 'x 1:1 r'");
  CHECK_FALSE(engine::default_device_rules()[0].allow);
}

TEST_CASE("limits: docker's refusals") {
  RunRequest request;
  CHECK(check(request) == "accepted");
  request.limits.memory_bytes = 6 * 1024 * 1024 - 1;
  CHECK(check(request) == "Minimum memory limit allowed is 6MB");
  request.limits.memory_bytes = 64 << 20;
  request.limits.memory_swap_bytes = 32 << 20;
  CHECK(check(request) == "Minimum memoryswap limit should be larger than memory limit, see usage");
  request.limits.memory_swap_bytes = -1;
  CHECK(check(request) == "accepted");
  request.limits.nano_cpus = 2'500'000'000;
  CHECK(check(request) == "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available");
  request.limits.nano_cpus = 1'500'000'000;
  CHECK(check(request) == "accepted");
  request.limits.cpu_quota_us = 50000;
  CHECK(check(request) == "Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
  request.limits = {};
  request.limits.cpu_period_us = 10;
  CHECK(check(request).starts_with("CPU cfs period can not be less than 1ms"));
  request.limits = {};
  request.limits.blkio_weight = 5;
  CHECK(check(request) == "Range of blkio weight is from 10 to 1000");
  request.limits = {};
  request.limits.device_write_iops = {"/dev/nix:1mb"};
  CHECK(check(request).starts_with("invalid rate for device: /dev/nix:1mb"));
}

TEST_CASE("limits become the spec's resources") {
  engine::Limits limits;
  limits.memory_bytes = 64 << 20;
  limits.nano_cpus = 1'500'000'000;
  const auto resources = engine::resources_of(limits);
  REQUIRE(resources);
  CHECK(resources->memory.swap_bytes == std::optional<int64_t>(128 << 20));
  CHECK(resources->cpu.quota_us == std::optional<int64_t>(150000));
  CHECK(resources->cpu.period_us == std::optional<uint64_t>(100000));
  CHECK(resources->pids_limit == std::optional<int64_t>(4096));
  limits.pids_limit = -1;
  CHECK_FALSE(engine::resources_of(limits)->pids_limit);
  limits.device_read_bps = {"/dev/null:1mb"};
  CHECK(text_of(engine::resources_of(limits)) == "/dev/null: not a block device");
  limits.device_read_bps = {"/dev/null"};
  CHECK(text_of(engine::resources_of(limits)).starts_with("bad format: "));
}

TEST_CASE("requests: docker's refusals") {
  RunRequest request;
  request.name = "_a";
  CHECK(check(request) == "Invalid container name (_a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
  request = {};
  request.pid_mode = "container:";
  CHECK(check(request) == "--pid: invalid PID mode");
  request = {};
  request.network_mode = "nosuch";
  CHECK(check(request) == "network nosuch not found");
  request = {};
  request.uts_mode = "host";
  request.hostname = "h";
  CHECK(check(request) == "conflicting options: hostname and the UTS mode");
  request = {};
  request.oom_score_adj = 1001;
  CHECK(check(request) == "Invalid value 1001, range for oom score adj is [-1000, 1000]");
  request = {};
  request.stop_signal = "NOSUCH";
  CHECK(check(request) == "invalid signal: NOSUCH");
  request = {};
  request.hostname = "a b";
  CHECK(check(request) == "invalid hostname: a b");
  request = {};
  request.log_driver = "splunk";
  CHECK(check(request).starts_with("logger: no log driver named 'splunk'"));
}
