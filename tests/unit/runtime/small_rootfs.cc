#include "tests/unit/runtime/small_rootfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/launch.h"
#include "runtime/undo.h"

namespace {

void make_bin(const std::string& bin) {
  REQUIRE(make_directories(bin, 0755));
  // One process for the list, none for the links: an exec is dear in the virtual machine.
  const auto applets = run_command({"busybox", "--list"});
  REQUIRE(applets);
  const auto where = run_command({"sh", "-c", "command -v busybox"});
  REQUIRE(where);
  const auto program = read_file(std::string(trim(where->out)));
  REQUIRE(program);
  REQUIRE(create_file(bin + "/busybox", *program, 0755));
  for (const auto& applet : split(applets->out, '\n')) {
    if (!applet.empty() && applet != "busybox")
      REQUIRE(sys::symlinkat("busybox", AT_FDCWD, (bin + "/" + applet).c_str()));
  }
}

// Its hundreds of links are most of what a rootfs costs: while no test has added to it, one bin goes from
// each rootfs to the next.
struct SpareBin {
  std::string path;  // empty: there is none
  size_t entries = 0;
  SpareBin() = default;
  ~SpareBin() {
    if (!path.empty()) (void)remove_tree(path);
  }
  SpareBin(const SpareBin&) = delete;
  SpareBin& operator=(const SpareBin&) = delete;
};

SpareBin& spare_bin() {
  static SpareBin bin;
  return bin;
}

}  // namespace

SmallRootfs::SmallRootfs() {
  SpareBin& spare = spare_bin();
  const std::string bin = path() + "/bin";
  REQUIRE(make_directories(path(), 0755));
  if (spare.path.empty()) {
    make_bin(bin);
    spare.entries = list_directory(bin).value().size();
  } else {
    REQUIRE(sys::renameat2(AT_FDCWD, spare.path.c_str(), AT_FDCWD, bin.c_str(), 0));
    spare.path.clear();
  }
  for (const char* name : {"/tmp", "/etc"})
    REQUIRE(make_directories(path() + name, 0755));
}

SmallRootfs::~SmallRootfs() {
  SpareBin& spare = spare_bin();
  const std::string bin = path() + "/bin";
  const auto names = list_directory(bin);
  if (!spare.path.empty() || !names || names->size() != spare.entries) return;
  const std::string kept = directory_.path() + "-bin";
  if (sys::renameat2(AT_FDCWD, bin.c_str(), AT_FDCWD, kept.c_str(), 0)) spare.path = kept;
}

runtime::Spec SmallRootfs::spec(std::vector<std::string> args) const {
  runtime::Spec spec;
  spec.process.args = std::move(args);
  spec.process.env = {"PATH=/bin"};
  spec.root.path = path();
  spec.hostname = "unit";
  spec.mounts = {
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}, {}, {}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}, {}, {}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
       {},
       {}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}, {}, {}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}, {}, {}},
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"}, {}, {}}};
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"})
    spec.os.namespaces.push_back({type, ""});
  spec.os.cgroups_path = "/vial-unit/" + std::to_string(::getpid());
  spec.os.masked_paths = {"/proc/kcore", "/proc/acpi", "/proc/nosuch", "/sys/firmware"};
  spec.os.readonly_paths = {"/proc/sys", "/proc/bus"};
  security::CapabilitySets sets;
  sets.bounding = sets.effective = sets.permitted = 0x800425fbULL;
  spec.process.capabilities = sets;
  return spec;
}

runtime::PlanRequest request_of(const runtime::Spec& spec, const SmallRootfs& rootfs) {
  runtime::PlanRequest request;
  request.spec = &spec;
  request.id = "unit";
  request.bundle = rootfs.directory();
  return request;
}

std::string host_mounts(const SmallRootfs& rootfs) {
  std::string mounts;
  for (const auto& line : split(read_file("/proc/self/mountinfo").value(), '\n'))
    if (!contains(line, "/vial-") || contains(line, rootfs.directory())) mounts += line + "\n";
  return mounts;
}

RunOutput run_to_end(const runtime::Spec& spec, const SmallRootfs& rootfs) {
  return run_request(request_of(spec, rootfs));
}

RunOutput run_request(runtime::PlanRequest request) {
  auto host = runtime::collect_host_facts();
  REQUIRE(host);
  auto plan = runtime::make_plan(std::move(request), *host);
  if (!plan) FAIL(plan.error().text());
  auto pipe = sys::pipe2(0);
  REQUIRE(pipe);
  runtime::LaunchRequest launch;
  launch.plan = &*plan;
  launch.stdio.out = std::move(pipe->writer);
  auto launched = runtime::launch(std::move(launch));
  if (!launched) FAIL(launched.error().text());
  auto started = (*launched)->start();
  if (!started) FAIL(started.error().text());
  RunOutput output;
  output.out = read_fd(pipe->reader.get()).value();
  output.code = wait_for((*launched)->pidfd.get()).value().shell_code();
  const auto undone = runtime::undo_all(runtime::undo_list(*plan));
  if (!undone) FAIL(undone.error().text());
  return output;
}

bool can_map_ids() {
  struct statfs status = {};
  REQUIRE(::statfs("/tmp", &status) == 0);
  const auto host = runtime::collect_host_facts().value();
  const bool is_old = host.kernel_major < 6 || (host.kernel_major == 6 && host.kernel_minor < 3);
  return status.f_type != TMPFS_MAGIC || !is_old;
}

std::string failure_of(runtime::PlanRequest request) {
  auto host = runtime::collect_host_facts();
  REQUIRE(host);
  auto plan = runtime::make_plan(std::move(request), *host);
  if (!plan) return plan.error().text();
  runtime::LaunchRequest launch;
  launch.plan = &*plan;
  auto launched = runtime::launch(std::move(launch));
  if (!launched) return launched.error().text();
  auto started = (*launched)->start();
  const auto undone = runtime::undo_all(runtime::undo_list(*plan));
  if (!undone) FAIL(undone.error().text());
  if (started) FAIL("it started");
  return started.error().text();
}
