// Groups as a whole, with this machine's kernel: make, join, freeze, kill, remove.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "cgroups/stats.h"
#include "cgroups/tree.h"
#include "tests/unit/cgroups/test_group.h"
#include "tests/unit/security/in_child.h"
#include "tests/unit/temporary_directory.h"

namespace {

int sleep_for_ever() {
  for (;;)
    ::pause();
}

// A child that forks `count` more, each in a session of its own, that ignore what can be ignored.
int family(int count) {
  for (int i = 0; i < count; ++i) {
    if (::fork() != 0) continue;
    ::setsid();
    ::signal(SIGTERM, SIG_IGN);
    sleep_for_ever();
  }
  return sleep_for_ever();
}

void wait_for_processes(const cgroups::Group& group, size_t count) {
  for (int i = 0; i < 500; ++i) {
    if (cgroups::processes(group)->size() == count) return;
    ::poll(nullptr, 0, 10);
  }
}

// The processes of a layout where v2 is not mounted: what the fall-backs work with.
cgroups::Group without_v2(cgroups::Group group) {
  group.v2_mount_point.clear();
  group.v2_directory.clear();
  return group;
}

}  // namespace

namespace {

std::string text_of(const Result<cgroups::Layout>& layout) {
  if (!layout) return layout.error().text();
  std::string text = layout->v2_mount_point + " has " + join(layout->v2_controllers, ",") + "\n";
  for (const cgroups::V1Hierarchy& hierarchy : layout->v1)
    text += hierarchy.mount_point + " has " + join(hierarchy.controllers, ",") + "\n";
  return text;
}

std::string controllers_file(const cgroups::Layout& layout) {
  return layout.v2_mount_point.empty() ? "" : *read_file(layout.v2_mount_point + "/cgroup.controllers");
}

}  // namespace

TEST_CASE("the usual places of the hierarchies are those that mountinfo has", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  CHECK(text_of(layout) ==
        text_of(cgroups::parse_layout(*read_file("/proc/self/mountinfo"), *read_file("/proc/self/cgroup"),
                                      controllers_file(*layout))));
}

TEST_CASE("a hierarchy that was moved elsewhere is found there", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  const bool is_v1 = !layout->v1.empty();
  const std::string usual = is_v1 ? layout->v1.front().mount_point : layout->v2_mount_point;
  const TemporaryDirectory elsewhere;
  const std::string moved = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || !sys::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
        !sys::mount(usual.c_str(), elsewhere.path().c_str(), nullptr, MS_MOVE, nullptr))
      return std::string("the mount can't be moved");
    const auto found = cgroups::read_layout();
    if (!found) return found.error().text();
    return is_v1 ? found->v1.front().mount_point : found->v2_mount_point;
  });
  CHECK(moved == elsewhere.path());
}

// /proc/PID/cgroup also names hierarchies that are mounted nowhere (an unmounted v1 one lives on while it has
// groups): no program can make a group in those.
TEST_CASE("a child is in its group in every mounted hierarchy", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  TestGroup group({});
  TestChild child = group.start(sleep_for_ever);
  const std::string text = "\n" + *read_file("/proc/" + std::to_string(child.pid()) + "/cgroup");
  if (!layout->v2_mount_point.empty()) CHECK_THAT(text, Catch::Contains("\n0::" + group.group().path + "\n"));
  for (const cgroups::V1Hierarchy& hierarchy : layout->v1) {
    const std::string names = join(hierarchy.controllers, ",");
    CHECK_THAT(text, Catch::Contains(":" + names + ":" + group.group().path + "\n"));
  }
  CHECK(*cgroups::processes(group.group()) == std::vector<pid_t>{child.pid()});
  CHECK(cgroups::is_populated(group.group()).value());
}

TEST_CASE("a group that does not exist has no processes and can be removed again and again", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  const auto group = cgroups::group_at(*layout, test_parent() + "/never");
  CHECK(cgroups::processes(*group)->empty());
  CHECK_FALSE(cgroups::is_populated(*group).value());
  CHECK(cgroups::kill_all(*group));
  CHECK(cgroups::remove_group(*group));
  CHECK(cgroups::read_stats(*group).error().kind() == ErrorKind::kNotFound);
}

TEST_CASE("freeze stops everyone, thaw lets them go on", "[kernel]") {
  TestGroup group({});
  auto* counter = static_cast<std::atomic<long>*>(
      ::mmap(nullptr, sizeof(std::atomic<long>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(counter != MAP_FAILED);
  TestChild child = group.start([counter]() -> int {
    for (;;)
      ++*counter;
  });
  std::vector<cgroups::Group> worlds = {group.group()};
  if (!group.group().v1_directory_of("freezer").empty()) worlds.push_back(without_v2(group.group()));
  for (const cgroups::Group& world : worlds) {
    for (int i = 0; i < 500 && counter->load() == 0; ++i)
      ::poll(nullptr, 0, 10);
    REQUIRE(cgroups::freeze(world));
    CHECK(cgroups::is_frozen(world).value());
    const long frozen_at = counter->load();
    ::poll(nullptr, 0, 50);
    CHECK(counter->load() == frozen_at);
    REQUIRE(cgroups::thaw(world));
    CHECK_FALSE(cgroups::is_frozen(world).value());
    ::poll(nullptr, 0, 50);
    CHECK(counter->load() > frozen_at);
  }
  ::munmap(counter, sizeof *counter);
}

TEST_CASE("kill reaches the whole tree, also frozen, and sub-groups", "[kernel]") {
  for (const bool use_v2 : {true, false}) {
    TestGroup group({});
    const cgroups::Group world = use_v2 ? group.group() : without_v2(group.group());
    if (world.v2_directory.empty() && world.v1.empty()) continue;  // pure v2 has no second world
    CAPTURE(use_v2);
    TestChild child = group.start([] { return family(5); });
    wait_for_processes(world, 6);
    REQUIRE(cgroups::processes(world)->size() == 6);
    REQUIRE(cgroups::freeze(world));
    REQUIRE(cgroups::kill_all(world));
    CHECK(cgroups::processes(world)->empty());
    CHECK_FALSE(cgroups::is_populated(world).value());
    CHECK(child.wait() == 137);
  }
}

// The kernel sends at most one notice in 10 ms and drops the one it holds back when the group is removed.
TEST_CASE("who waits for the last process learns of a removal that drops the notice", "[kernel]") {
  constexpr int kRounds = 5;
  constexpr int kTimeoutMs = 5000;
  for (int round = 0; round < kRounds; ++round) {
    TestGroup group({});
    const std::string directory = group.group().v2_directory;
    if (directory.empty()) return;
    TestChild child = group.start([] { return ::poll(nullptr, 0, 3); });
    const auto fd = cgroups::open_cgroup(directory);
    REQUIRE(fd);
    const pid_t remover = ::fork();
    if (remover == 0) {
      for (int i = 0; i < kTimeoutMs && ::rmdir(directory.c_str()) != 0 && errno == EBUSY; ++i)
        ::usleep(100);
      ::_exit(0);
    }
    const int64_t begin_ns = monotonic_ns();
    CHECK(cgroups::wait_for_line(fd->get(), "cgroup.events", "populated 0", kTimeoutMs).value());
    CHECK(monotonic_ns() - begin_ns < 2'000'000'000);
    ::waitpid(remover, nullptr, 0);
  }
}

TEST_CASE("removal kills what is left, sub-groups and all, and leaves nothing", "[kernel]") {
  TestGroup group({});
  TestChild child = group.start([&] { return family(3); });
  wait_for_processes(group.group(), 4);
  std::vector<std::string> directories = {group.group().v2_directory};
  for (const auto& place : group.group().v1)
    directories.push_back(place.directory);
  for (const std::string& directory : directories) {
    if (!directory.empty()) REQUIRE(make_directories(directory + "/a/b/c", 0755));
  }
  REQUIRE(cgroups::remove_group(group.group()));
  CHECK(is_removed(group.group()));
  CHECK(child.wait() == 137);
  CHECK(cgroups::remove_group(group.group()));
}

TEST_CASE("each directory can be removed by itself, as crash recovery does", "[kernel]") {
  TestGroup group({});
  TestChild child = group.start([] { return family(2); });
  wait_for_processes(group.group(), 3);
  for (const auto& place : group.group().v1) {
    const auto removed = cgroups::remove_cgroup(place.directory);
    if (!removed) FAIL(removed.error().text());
  }
  if (!group.group().v2_directory.empty()) REQUIRE(cgroups::remove_cgroup(group.group().v2_directory));
  CHECK(is_removed(group.group()));
}

TEST_CASE("removal refuses what is no cgroup of a container", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  std::vector<std::string> bad = {"", "relative", "/tmp", "/", "/etc", "/sys/fs/cgroup/../../../tmp"};
  if (!layout->v2_mount_point.empty()) bad.push_back(layout->v2_mount_point);
  for (const auto& hierarchy : layout->v1)
    bad.push_back(hierarchy.mount_point);
  for (const std::string& directory : bad) {
    const auto refused = cgroups::remove_cgroup(directory);
    CAPTURE(directory);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::kInvalid);
  }
}

// spec: config-linux.md#cgroup-ownership
TEST_CASE("a group in use is not taken, and not undone", "[kernel]") {
  TestGroup group({});
  TestChild child = group.start(sleep_for_ever);
  wait_for_processes(group.group(), 1);
  const auto steps = cgroups::cgroup_steps(group.layout(), group.group().path, {});
  REQUIRE(steps);
  StepContext context;
  const StepPtr& first = steps->before_clone.front();
  const auto refused = first->perform(context);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::kConflict);
  CHECK(first->undo().empty());
  CHECK(steps->before_clone[1]->perform(context).error().kind() == ErrorKind::kConflict);
  CHECK(cgroups::is_populated(group.group()).value());
}

TEST_CASE("a group that a crash left is made anew: its limits and kill mark are gone", "[kernel]") {
  cgroups::Resources resources;
  resources.pids_limit = 7;
  TestGroup group(resources);
  group.start([] { return 0; }).wait();
  REQUIRE(cgroups::kill_all(group.group()));
  const auto steps = cgroups::cgroup_steps(group.layout(), group.group().path, {});
  REQUIRE(steps);
  StepContext context;
  const auto performed = perform_all(steps->before_clone, context);
  if (!performed) FAIL(performed.error().text());
  CHECK(group.file("pids", "pids.max", "pids.max") == "max");
  CHECK(group.start([] { return 5; }).wait() == 5);
}

TEST_CASE("undo targets cover every directory that the steps make", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  const std::string path = test_parent() + "/undo";
  const auto steps = cgroups::cgroup_steps(*layout, path, {});
  REQUIRE(steps);
  StepContext context;
  std::vector<Undo> entries;
  for (const StepPtr& step : steps->before_clone) {
    REQUIRE(step->perform(context));
    for (const Undo& entry : step->undo())
      entries.push_back(entry);
  }
  for (const Undo& entry : entries) {
    CHECK(entry.kind == "cgroup");
    CHECK(path_exists(entry.target));
    CHECK(cgroups::remove_cgroup(entry.target));
  }
  CHECK(is_removed(*cgroups::group_at(*layout, path)));
  CHECK(cgroups::remove_group(*cgroups::group_at(*layout, test_parent())));
}

// The root of a user namespace is nobody to the host: it may write the v1 files that the host opened, though
// it could not open them.
TEST_CASE("a child that is not the host's root joins", "[kernel]") {
  TestGroup group({});
  if (group.group().v1.empty()) return;
  auto steps = cgroups::enter_steps(group.layout(), group.group().path);
  REQUIRE(steps);
  StepContext context;
  REQUIRE(perform_all(steps->before_clone, context));
  struct clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  const auto pid = sys::clone3(arguments);
  REQUIRE(pid);
  if (*pid == 0) {
    constexpr uid_t kSomebody = 100'000;
    if (::setresuid(kSomebody, kSomebody, kSomebody) != 0) ::_exit(3);
    const std::string tasks = group.group().v1.front().directory + "/tasks";
    if (::open(tasks.c_str(), O_WRONLY | O_CLOEXEC) >= 0) ::_exit(1);
    const auto joined = steps->join->perform(context);
    if (!joined) ::_exit(joined.error().error_number());
    const auto text = read_file("/proc/self/cgroup");
    if (!text) ::_exit(4);
    size_t count = 0;
    for (const std::string& line : split(trim(*text), '\n'))
      count += std::string_view(line).ends_with(":" + group.group().path) ? 1 : 0;
    ::_exit(count == group.group().v1.size() ? 0 : 2);
  }
  int status = 0;
  REQUIRE(::waitpid(*pid, &status, 0) == *pid);
  CHECK(ExitStatus::from_wait_status(status).shell_code() == 0);
}

TEST_CASE("v2: a parent with processes of its own can't give controllers, and the error says so",
          "[kernel]") {
  TestGroup parent({});
  if (!parent.layout().v2_has("memory")) return;
  TestChild child = parent.start(sleep_for_ever);
  cgroups::Resources resources;
  resources.memory.limit_bytes = 1 << 25;
  const auto steps = cgroups::cgroup_steps(parent.layout(), parent.group().path + "/below", resources);
  REQUIRE(steps);
  StepContext context;
  const auto result = perform_all(steps->before_clone, context);
  REQUIRE_FALSE(result);
  CHECK(result.error().error_number() == EBUSY);
  CHECK_THAT(result.error().text(), Catch::Contains("no internal processes"));
}

// As in a container whose view of cgroups is read-only.
TEST_CASE("a read-only hierarchy is an error that says what is needed", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  const auto steps = cgroups::cgroup_steps(*layout, test_parent() + "/readonly", {});
  REQUIRE(steps);
  auto pipe = sys::pipe2(0);
  REQUIRE(pipe);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<std::string> mounts;
    for (const auto& hierarchy : layout->v1)
      mounts.push_back(hierarchy.mount_point);
    if (!layout->v2_mount_point.empty()) mounts.push_back(layout->v2_mount_point);
    bool ready = sys::unshare(CLONE_NEWNS) && sys::mount("", "/", "", MS_REC | MS_PRIVATE, "");
    for (const std::string& mount : mounts)
      ready = ready && sys::mount("", mount.c_str(), "", MS_REMOUNT | MS_BIND | MS_RDONLY, "");
    StepContext context;
    const auto result = ready ? perform_all(steps->before_clone, context) : ok();
    (void)write_all(pipe->writer.get(), result ? "no error" : result.error().text());
    ::_exit(0);
  }
  pipe->writer.reset();
  const auto text = read_fd(pipe->reader.get());
  ::waitpid(pid, nullptr, 0);
  CHECK_THAT(*text,
             Catch::Contains("Read-only file system; this needs root and a writable cgroup hierarchy"));
}

TEST_CASE("the steps can be said, spelled and explained", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  cgroups::Resources resources;
  resources.memory.limit_bytes = 1 << 26;
  resources.pids_limit = 5;
  resources.devices = {{false, 'a', {}, {}, "rwm"}, {true, 'c', 1, 3, "rwm"}};
  auto steps = cgroups::cgroup_steps(*layout, "/vial-test/it's", resources);
  REQUIRE(steps);
  if (steps->join != nullptr) steps->before_clone.push_back(std::move(steps->join));
  for (const StepPtr& step : steps->before_clone) {
    CAPTURE(step->name());
    CHECK_FALSE(step->say().empty());
    CHECK_FALSE(step->shell().empty());
    CHECK_FALSE(step->why().text.empty());
    CHECK(step->why().man.back() == ')');
    CHECK(step->shell_lane() == Lane::kHost);
  }
}

TEST_CASE("nothing of the tests is left", "[kernel]") {
  const auto layout = cgroups::read_layout();
  REQUIRE(layout);
  CHECK(is_removed(*cgroups::group_at(*layout, test_parent())));
}
