// A group of the test's own, made by the real steps, and children that are started into it as the runtime
// starts them. All that is made goes with the object.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/step.h"
#include "cgroups/group.h"
#include "cgroups/layout.h"
#include "cgroups/resources.h"
#include "cgroups/steps.h"

// A child in the group; killed and reaped with the object.
class TestChild {
 public:
  TestChild(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  TestChild(TestChild&&) = default;
  TestChild& operator=(TestChild&&) = delete;
  TestChild(const TestChild&) = delete;
  TestChild& operator=(const TestChild&) = delete;
  ~TestChild();

  pid_t pid() const { return pid_; }
  // The exit as a shell says it; -1 if it does not end within 10 s.
  int wait();

 private:
  pid_t pid_;
  Fd pidfd_;
};

class TestGroup {
 public:
  // Performs the steps; REQUIREs that each succeeds.
  explicit TestGroup(const cgroups::Resources& resources);
  TestGroup(const TestGroup&) = delete;
  TestGroup& operator=(const TestGroup&) = delete;
  TestGroup(TestGroup&&) = delete;
  TestGroup& operator=(TestGroup&&) = delete;
  ~TestGroup();

  const cgroups::Layout& layout() const { return layout_; }
  const cgroups::Group& group() const { return group_; }
  // Clones a child into the group and returns when it has joined v1; then it calls `body` and exits with its
  // result (99: the join failed).
  TestChild start(const std::function<int()>& body);
  // The content of one of the group's files, trimmed: v2's if the controller is there, else v1's.
  std::string file(const std::string& controller, const std::string& v2_name,
                   const std::string& v1_name) const;

 private:
  cgroups::Layout layout_;
  cgroups::Group group_;
  cgroups::GroupSteps steps_;
};

// Performs the steps up to the first that fails.
Result<void> perform_all(const std::vector<StepPtr>& steps, StepContext& context);
// The test's own parent group, "/vial-test-PID".
std::string test_parent();
// True when every hierarchy has no directory of the group.
bool is_removed(const cgroups::Group& group);
// True if `controller` can limit here: on v2 or on v1 ("memory", "pids", "cpu", "cpuset").
bool has_controller(const cgroups::Layout& layout, const std::string& controller);
