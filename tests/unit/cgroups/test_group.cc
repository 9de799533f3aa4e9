#include "tests/unit/cgroups/test_group.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

TestChild::~TestChild() {
  if (!pidfd_) return;
  (void)sys::pidfd_send_signal(pidfd_.get(), SIGKILL);
  (void)sys::pidfd_send_signal(pidfd_.get(), SIGCONT);
  if (wait_until_dead(pidfd_.get(), 10'000)) (void)wait_for(pidfd_.get());
}

int TestChild::wait() {
  if (!wait_until_dead(pidfd_.get(), 10'000)) return -1;
  const auto status = wait_for(pidfd_.get());
  pidfd_.reset();
  return status ? status->shell_code() : -1;
}

Result<void> perform_all(const std::vector<StepPtr>& steps, StepContext& context) {
  for (const StepPtr& step : steps)
    TRY_IN(step->name(), step->perform(context));
  return ok();
}

std::string test_parent() {
  static const std::string parent = "/vial-test-" + std::to_string(::getpid());
  return parent;
}

TestGroup::TestGroup(const cgroups::Resources& resources) {
  static int number = 0;
  layout_ = cgroups::read_layout().value();
  const std::string path = test_parent() + "/" + std::to_string(++number);
  group_ = cgroups::group_at(layout_, path).value();
  auto steps = cgroups::cgroup_steps(layout_, path, resources);
  if (!steps) FAIL(steps.error().text());
  steps_ = std::move(*steps);
  StepContext context;
  const auto performed = perform_all(steps_.before_clone, context);
  if (performed) return;
  (void)cgroups::remove_group(group_);
  FAIL(performed.error().text());
}

TestGroup::~TestGroup() {
  const auto removed = cgroups::remove_group(group_);
  if (!removed) WARN(removed.error().text());
  (void)cgroups::remove_group(*cgroups::group_at(layout_, test_parent()));
}

TestChild TestGroup::start(const std::function<int()>& body) {
  auto enter = cgroups::enter_steps(layout_, group_.path);
  REQUIRE(enter);
  StepContext context;
  const auto performed = perform_all(enter->before_clone, context);
  if (!performed) FAIL(performed.error().text());
  auto ready = sys::pipe2(0);
  REQUIRE(ready);
  int pidfd = -1;
  struct clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (context.cgroup_fd) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(context.cgroup_fd.get());
  }
  const auto pid = sys::clone3(arguments);
  if (!pid) FAIL(pid.error().text());
  if (*pid == 0) {
    constexpr int kJoinFailed = 99;
    if (enter->join != nullptr && !enter->join->perform(context)) ::_exit(kJoinFailed);
    ready->reader.reset();
    ready->writer.reset();
    ::_exit(body());
  }
  ready->writer.reset();
  // End of file: the child has joined (or died).
  (void)read_fd(ready->reader.get());
  return {*pid, Fd(pidfd)};
}

std::string TestGroup::file(const std::string& controller, const std::string& v2_name,
                            const std::string& v1_name) const {
  const std::string path =
      layout_.v2_has(controller)
          ? group_.v2_directory + "/" + v2_name
          : group_.v1_directory_of(controller == "io" ? "blkio" : controller) + "/" + v1_name;
  const auto text = read_file(path);
  if (!text) FAIL(text.error().text());
  return std::string(trim(*text));
}

bool is_removed(const cgroups::Group& group) {
  if (!group.v2_directory.empty() && path_exists(group.v2_directory)) return false;
  for (const auto& place : group.v1) {
    if (path_exists(place.directory)) return false;
  }
  return true;
}

bool has_controller(const cgroups::Layout& layout, const std::string& controller) {
  return layout.v2_has(controller) || layout.v1_of(controller) != nullptr;
}
