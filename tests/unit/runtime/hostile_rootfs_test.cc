// Images that fight the runtime: each case is a known vulnerability of some runtime (the id is in its name).
// The canary and the host's kernel.core_pattern must be what they were, whatever the outcome.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/launch.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

constexpr const char* kCorePattern = "/proc/sys/kernel/core_pattern";

// The error of a start, or what the container printed.
std::string start_or_error(const runtime::Spec& spec, const SmallRootfs& rootfs) {
  const auto host = runtime::collect_host_facts().value();
  runtime::PlanRequest request;
  request.spec = &spec;
  request.bundle = rootfs.directory();
  auto plan = runtime::make_plan(std::move(request), host);
  if (!plan) return "error: " + plan.error().text();
  auto pipe = sys::pipe2(0).value();
  runtime::LaunchRequest launch;
  launch.plan = &*plan;
  launch.stdio.out = std::move(pipe.writer);
  auto launched = runtime::launch(std::move(launch));
  if (!launched) return "error: " + launched.error().text();
  auto started = (*launched)->start();
  if (!started) return "error: " + started.error().text();
  std::string out = read_fd(pipe.reader.get()).value();
  (void)wait_for((*launched)->pidfd.get());
  REQUIRE(runtime::undo_all(runtime::undo_list(*plan)));
  return out;
}

class HostileImage {
 public:
  HostileImage() : core_pattern_(read_file(kCorePattern).value()) {
    REQUIRE(make_directories(canary(), 0755));
  }
  ~HostileImage() {
    CHECK(list_directory(canary()).value().empty());
    CHECK(read_file(kCorePattern).value() == core_pattern_);
  }
  HostileImage(const HostileImage&) = delete;
  HostileImage& operator=(const HostileImage&) = delete;
  HostileImage(HostileImage&&) = delete;
  HostileImage& operator=(HostileImage&&) = delete;

  std::string canary() const { return rootfs.directory() + "/canary"; }
  void link(const std::string& target, const std::string& name) const {
    REQUIRE(sys::symlinkat(target.c_str(), AT_FDCWD, (rootfs.path() + name).c_str()));
  }
  void drop_mount(runtime::Spec& spec, const std::string& prefix) const {
    std::erase_if(spec.mounts, [&](const auto& mount) { return mount.destination.starts_with(prefix); });
  }

  SmallRootfs rootfs;

 private:
  std::string core_pattern_;
};

}  // namespace

TEST_CASE("CVE-2023-27561: /proc or /sys is a symlink") {
  const HostileImage image;
  for (const char* name : {"/proc", "/sys", "/dev"}) {
    for (const std::string& target : {image.canary(), std::string("../canary"), std::string("/nosuch")}) {
      const std::string path = image.rootfs.path() + name;
      REQUIRE(remove_tree(path));  // made by the tries before
      image.link(target, name);
      INFO(name << " " << target);
      CHECK(start_or_error(image.rootfs.spec({"echo", "ran"}), image.rootfs).starts_with("error: "));
      REQUIRE(sys::unlinkat(AT_FDCWD, path.c_str(), 0));
    }
  }
}

TEST_CASE("CVE-2025-31133: /dev/null is a link to a sysctl and no /dev is mounted") {
  const HostileImage image;
  REQUIRE(make_directories(image.rootfs.path() + "/dev", 0755));
  image.link(kCorePattern, "/dev/null");
  auto spec = image.rootfs.spec({"echo", "ran"});
  image.drop_mount(spec, "/dev");
  CHECK(start_or_error(spec, image.rootfs).starts_with("error: "));
}

TEST_CASE("a regular file at /dev/null can't swallow the output or serve as a mask") {
  const HostileImage image;
  REQUIRE(make_directories(image.rootfs.path() + "/dev", 0755));
  REQUIRE(create_file(image.rootfs.path() + "/dev/null", "", 0666));
  auto spec = image.rootfs.spec({"echo", "ran"});
  image.drop_mount(spec, "/dev");
  CHECK(start_or_error(spec, image.rootfs).starts_with("error: "));
}

// spec: config-linux.md#default-devices
TEST_CASE("/dev/ptmx is the container's own, whatever the image has there and no /dev is mounted") {
  const HostileImage image;
  const std::string ptmx = image.rootfs.path() + "/dev/ptmx";
  auto spec = image.rootfs.spec({"sh", "-c", "readlink /dev/ptmx; exec 3<> /dev/ptmx && ls /dev/pts"});
  std::erase_if(spec.mounts, [](const auto& mount) { return mount.destination == "/dev"; });
  REQUIRE(make_directories(image.rootfs.path() + "/dev", 0755));
  const auto start = [&] {
    std::string out = start_or_error(spec, image.rootfs);
    REQUIRE(remove_tree(ptmx));
    return out;
  };
  const std::string expected = "pts/ptmx\n0\nptmx\n";
  CHECK(start() == expected);
  for (const std::string& target : {image.canary(), image.canary() + "/new",
                                    std::string("../../../../canary"), std::string("pts/ptmx")}) {
    INFO(target);
    image.link(target, "/dev/ptmx");
    CHECK(start() == expected);
  }
  for (const dev_t device : {makedev(5, 2), makedev(1, 3), makedev(8, 0)}) {
    REQUIRE(::mknod(ptmx.c_str(), S_IFCHR | 0666, device) == 0);
    CHECK(start() == expected);
  }
  REQUIRE(create_file(ptmx, "", 0666));
  CHECK(start() == expected);
  REQUIRE(make_directories(ptmx, 0755));
  CHECK(start() == expected);
  REQUIRE(make_directories(ptmx + "/full", 0755));
  CHECK(contains(start(), "what the image has as /dev/ptmx: "));
}

TEST_CASE("a directory of the host that is bound on /dev keeps what it has as ptmx") {
  const HostileImage image;
  const std::string host = image.rootfs.directory() + "/dev";
  REQUIRE(make_directories(host + "/pts", 0755));
  REQUIRE(create_file(host + "/ptmx", "the host's", 0644));
  REQUIRE(::mknod((host + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0);
  auto spec = image.rootfs.spec({"sh", "-c", "[ -f /dev/ptmx ] && cat /dev/ptmx"});
  for (auto& mount : spec.mounts) {
    if (mount.destination == "/dev") mount = {"/dev", "bind", host, {"rbind"}, {}, {}};
  }
  REQUIRE(make_directories(host + "/shm", 0755));
  CHECK(start_or_error(spec, image.rootfs) == "the host's");
  CHECK(read_file(host + "/ptmx").value() == "the host's");
}

// spec: config.md#mounts.destination
TEST_CASE("CVE-2019-18837: a mount's destination leads out by a symlink") {
  const HostileImage image;
  image.link(image.canary(), "/data");
  auto spec = image.rootfs.spec({"echo", "ran"});
  spec.mounts.push_back({"/data/sub", "tmpfs", "tmpfs", {}, {}, {}});
  (void)start_or_error(spec, image.rootfs);  // an error, or a mount inside; never the canary
}

TEST_CASE("a mount's destination leads into /proc by a symlink") {
  const HostileImage image;
  image.link("/proc/self", "/etc/link");
  auto spec = image.rootfs.spec({"echo", "ran"});
  spec.mounts.push_back({"/etc/link/attr", "tmpfs", "tmpfs", {}, {}, {}});
  CHECK(contains(start_or_error(spec, image.rootfs), "leads into /proc"));
}

TEST_CASE("CVE-2024-21626: no working directory is outside of the root") {
  const Fd host_directory(::open("/", O_RDONLY | O_DIRECTORY));  // leaked on purpose: no close-on-exec
  const HostileImage image;
  for (int fd = 3; fd < 20; ++fd) {
    auto spec = image.rootfs.spec({"sh", "-c", "pwd; ls ../../../../.. | tr '\\n' ' '"});
    spec.process.cwd = "/proc/self/fd/" + std::to_string(fd);
    const std::string out = start_or_error(spec, image.rootfs);
    INFO(spec.process.cwd << ": " << out);
    CHECK_FALSE(contains(out, "boot"));
  }
}

TEST_CASE("CVE-2019-5736: an entrypoint that is /proc/self/exe does not reach the runtime's file") {
  const HostileImage image;
  REQUIRE(create_file(image.rootfs.path() + "/evil", "#!/proc/self/exe\n", 0755));
  (void)start_or_error(image.rootfs.spec({"/evil"}), image.rootfs);
  image.link("/proc/self/exe", "/bin/exe");
  (void)start_or_error(image.rootfs.spec({"/bin/exe"}), image.rootfs);
}

TEST_CASE("a masked path that is a symlink is an error") {
  const HostileImage image;
  image.link("/bin", "/mask");
  auto spec = image.rootfs.spec({"echo", "ran"});
  spec.os.masked_paths.push_back("/mask");
  CHECK(contains(start_or_error(spec, image.rootfs), "is a symbolic link"));
}

TEST_CASE("strings with NUL, newlines and escapes in names stay data") {
  const HostileImage image;
  auto spec = image.rootfs.spec({"\x1b[31mevil"});
  const std::string out = start_or_error(spec, image.rootfs);
  CHECK(contains(out, "\\x1b[31mevil"));
}
