// Whole starts against the real kernel: what the container sees, how failures are told, what is left.
#include "runtime/launch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/group.h"
#include "runtime/views.h"
#include "tests/unit/runtime/small_rootfs.h"

namespace {

runtime::HostFacts host_facts() {
  return runtime::collect_host_facts().value();
}

Plan plan_of(const runtime::Spec& spec, const SmallRootfs& rootfs) {
  runtime::PlanRequest request;
  request.spec = &spec;
  request.id = "unit";
  request.bundle = rootfs.directory();
  auto plan = runtime::make_plan(std::move(request), host_facts());
  if (!plan) FAIL(plan.error().text());
  return std::move(*plan);
}

// The directories of the spec's cgroup that exist.
std::vector<std::string> cgroup_leftovers(const runtime::Spec& spec) {
  const auto facts = host_facts();
  const auto group = cgroups::group_at(facts.cgroups, spec.os.cgroups_path).value();
  std::vector<std::string> left;
  for (const auto& v1 : group.v1) {
    if (path_exists(v1.directory)) left.push_back(v1.directory);
  }
  if (!group.v2_directory.empty() && path_exists(group.v2_directory)) left.push_back(group.v2_directory);
  return left;
}

// An init step that a person should know a lot about.
class Warner : public Step {
 public:
  explicit Warner(size_t count) : Step(Lane::kInit, "warn"), count_(count) {}
  Result<void> perform(StepContext& context) const override {
    for (size_t i = 0; i < count_; ++i)
      context.warnings.push_back("warning " + std::to_string(i) + std::string(90, '.'));
    return ok();
  }
  std::string say() const override { return "warn"; }
  std::string shell() const override { return "#"; }
  Reason why() const override { return {"a test", "test(1)"}; }

 private:
  size_t count_;
};

}  // namespace

TEST_CASE("however much there is to warn about, an init that starts at once is not stopped by it") {
  const SmallRootfs rootfs;
  const auto spec = rootfs.spec({"true"});
  constexpr unsigned kPatience = 20;
  for (const size_t count : {size_t{1}, size_t{300}, size_t{3000}}) {
    auto wanted = request_of(spec, rootfs);
    wanted.before_rootfs.push_back(std::make_unique<Warner>(count));
    const auto plan = runtime::make_plan(std::move(wanted), host_facts());
    REQUIRE(plan);
    runtime::LaunchRequest request;
    request.plan = &*plan;
    request.start_at_once = true;
    ::alarm(kPatience);  // it hangs otherwise
    auto launched = runtime::launch(std::move(request));
    REQUIRE(launched);
    REQUIRE((*launched)->start());
    ::alarm(0);
    (void)wait_for((*launched)->pidfd.get());
    CHECK(runtime::undo_all(runtime::undo_list(*plan)));
    const auto& warnings = (*launched)->warnings;
    CHECK(warnings.front().starts_with("warning 0."));
    if (count == 1) {
      CHECK(warnings.size() == 1);
    } else {
      CHECK(warnings.size() > 100);
      CHECK(warnings.back() == "and " + std::to_string(count - warnings.size() + 1) + " more warnings");
    }
  }
}

// spec: config-linux.md#namespaces.new
// spec: config.md#hostname
// spec: config.md#process.args
// spec: config-linux.md#cgroupsPath
// spec: config-linux.md#default-filesystems
TEST_CASE("a program runs as pid 1 with its own names, mounts and cgroup") {
  const SmallRootfs rootfs;
  const auto output =
      run_to_end(rootfs.spec({"sh", "-c",
                              "echo pid $$; hostname; ls /proc | grep -c '^[0-9]'; ls /dev | tr '\\n' ' '; "
                              "grep -v ':/$' /proc/self/cgroup; ls -d /.old /tmp; exit 7"}),
                 rootfs);
  INFO(output.out);
  CHECK(output.code == 7);
  CHECK(output.out.starts_with("pid 1\nunit\n"));
  CHECK(contains(output.out, "full"));
  CHECK(contains(output.out, "/tmp"));
  CHECK_FALSE(contains(output.out, "/.old\n"));
  CHECK_FALSE(contains(output.out, "vial-unit"));  // every hierarchy shows the own cgroup as /
}

// spec: runtime-linux.md#fds
// spec: config.md#process.capabilities
TEST_CASE("no descriptor above 2, no host mount, no capability beyond the set") {
  const SmallRootfs rootfs;
  const Fd leaked(::open("/etc/passwd", O_RDONLY));  // without close-on-exec, as a careless caller has it
  const auto output =
      run_to_end(rootfs.spec({"sh", "-c",
                              "ls -1 /proc/self/fd | wc -l; cat /proc/1/mountinfo; grep Cap /proc/1/status"}),
                 rootfs);
  INFO(output.out);
  CHECK(output.out.starts_with("4\n"));  // 0 1 2 and ls's own directory
  CHECK(contains(output.out, "CapBnd:\t00000000800425fb"));
  CHECK(contains(output.out, "CapInh:\t0000000000000000"));
  for (const auto& line : split(output.out, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 6) CHECK_FALSE(contains(line, "shared:"));
  }
}

// spec: config-linux.md#maskedPaths
// spec: config-linux.md#readonlyPaths
TEST_CASE("masked and read-only paths hold") {
  const SmallRootfs rootfs;
  const auto output = run_to_end(
      rootfs.spec({"sh", "-c",
                   "cat /proc/kcore | wc -c; ls /proc/acpi /sys/firmware 2>/dev/null | grep -vc :; "
                   "(echo x > /proc/sys/kernel/panic) 2>&1; (echo 1 > /sys/fs/cgroup/x) 2>&1; (mkdir "
                   "/sys/fs/cgroup/x) 2>&1"}),
      rootfs);
  INFO(output.out);
  CHECK(output.out.starts_with("0\n"));
  CHECK(contains(output.out, "Read-only file system"));
}

TEST_CASE("a missing program is 127, one that can't be executed 126") {
  const SmallRootfs rootfs;
  const auto try_program = [&](const std::string& name) {
    const auto spec = rootfs.spec({name});
    const Plan plan = plan_of(spec, rootfs);
    runtime::LaunchRequest request;
    request.plan = &plan;
    auto launched = runtime::launch(std::move(request));
    REQUIRE_FALSE(launched);
    CHECK(cgroup_leftovers(spec).empty());
    return launched.error();
  };
  CHECK(try_program("nosuch").text() == "exec: \"nosuch\": executable file not found in $PATH");
  CHECK(runtime::start_error_exit_code(try_program("nosuch")) == 127);
  CHECK(runtime::start_error_exit_code(try_program("/no/such")) == 127);
  CHECK(runtime::start_error_exit_code(try_program("/etc")) == 126);
  REQUIRE(create_file(rootfs.path() + "/data", "x", 0644));
  CHECK(try_program("/data").text() == "exec: \"/data\": permission denied");
}

#ifdef VIAL_FAULTS
// spec: runtime.md#errors
TEST_CASE("a failure at any step is told by its name and leaves nothing") {
  const SmallRootfs rootfs;
  const auto spec = rootfs.spec({"true"});
  const Plan plan = plan_of(spec, rootfs);
  const std::string mounts_before = host_mounts(rootfs);
  for (size_t k = 0; k < plan.size(); ++k) {
    ::setenv("VIAL_FAIL_AT", std::to_string(k).c_str(), 1);
    runtime::LaunchRequest request;
    request.plan = &plan;
    request.journal_path = rootfs.directory() + "/journal.json";
    auto launched = runtime::launch(std::move(request));
    if (launched) {
      auto started = (*launched)->start();  // steps behind "ready" fail here
      REQUIRE_FALSE(started);
      (void)runtime::undo_all(runtime::undo_list(plan));
    } else {
      INFO(launched.error().text());
      CHECK(contains(launched.error().text(), "step " + std::to_string(k + 1) + "/" +
                                                  std::to_string(plan.size()) + ": " + plan[k]->name()));
    }
    ::unsetenv("VIAL_FAIL_AT");
    CHECK(cgroup_leftovers(spec).empty());
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left, not even a zombie
  }
  CHECK(host_mounts(rootfs) == mounts_before);
}

TEST_CASE("a launcher that is killed at any step leaves a journal that cleans up") {
  const SmallRootfs rootfs;
  const auto spec = rootfs.spec({"sleep", "100"});
  const Plan plan = plan_of(spec, rootfs);
  const std::string journal = rootfs.directory() + "/journal.json";
  for (size_t k = 0; k < plan.size(); ++k) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("VIAL_KILL_AT", std::to_string(k).c_str(), 1);
      runtime::LaunchRequest request;
      request.plan = &plan;
      request.journal_path = journal;
      auto launched = runtime::launch(std::move(request));
      if (launched) (void)(*launched)->start();
      ::_exit(3);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO("killed at step " << k << " " << plan[k]->name());
    CHECK(WIFSIGNALED(status));
    auto entries = runtime::read_journal(journal);
    REQUIRE(entries);
    auto undone = runtime::undo_all(*entries);
    if (!undone) FAIL(undone.error().text());
    CHECK(cgroup_leftovers(spec).empty());
  }
}
#endif

TEST_CASE("the plan is the same for the same spec and can be shown without root") {
  const SmallRootfs rootfs;
  const auto spec = rootfs.spec({"true"});
  const std::string first = runtime::dry_run_text(plan_of(spec, rootfs));
  CHECK(first == runtime::dry_run_text(plan_of(spec, rootfs)));
  CHECK(contains(first, "clone3(CLONE_PIDFD"));
  CHECK(contains(first, "pivot_root(2)"));
}

TEST_CASE("views shorten ids, and only ids") {
  const SmallRootfs rootfs;
  auto spec = rootfs.spec({"true"});
  const std::string id(64, 'a');
  spec.hostname = id;
  spec.process.cwd = "/" + id + "a";
  const Plan plan = plan_of(spec, rootfs);
  const std::string text = runtime::dry_run_text(plan);
  CHECK(contains(text, "sethostname(aaaaaaaaaaaa...)"));
  CHECK(contains(text, "enter " + spec.process.cwd));
  CHECK(contains(runtime::explain_text(plan, {}), "call    sethostname(aaaaaaaaaaaa...)"));
}
