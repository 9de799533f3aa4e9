// A root file system of busybox in a temporary directory, and a spec that runs a command in it: what the
// launch tests need.
#pragma once

#include <string>
#include <vector>

#include "runtime/plan.h"
#include "runtime/spec.h"
#include "tests/unit/temporary_directory.h"

class SmallRootfs {
 public:
  SmallRootfs();
  ~SmallRootfs();
  SmallRootfs(const SmallRootfs&) = delete;
  SmallRootfs& operator=(const SmallRootfs&) = delete;

  const std::string& directory() const { return directory_.path(); }
  std::string path() const { return directory_.file("rootfs"); }
  // All namespaces but user, a cgroup of its own, the default mounts.
  runtime::Spec spec(std::vector<std::string> args) const;

 private:
  TemporaryDirectory directory_;
};

// The host's mountinfo(5), without the mounts of tests that run beside this one, in directories of their own.
std::string host_mounts(const SmallRootfs& rootfs);

// What a container printed and how it ended; REQUIREs that it started.
struct RunOutput {
  std::string out;
  int code = 0;
};
RunOutput run_to_end(const runtime::Spec& spec, const SmallRootfs& rootfs);

// The same for a request that says more than the spec.
runtime::PlanRequest request_of(const runtime::Spec& spec, const SmallRootfs& rootfs);
RunOutput run_request(runtime::PlanRequest request);
// Where /tmp is a tmpfs that is from Linux 6.3 on; other file systems could before.
bool can_map_ids();
// What is said when the container can't be planned, made or started; FAILs when it can.
std::string failure_of(runtime::PlanRequest request);
