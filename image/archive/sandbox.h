// Children that read what came from outside. Each has its own mount, pid, IPC, UTS and cgroup namespaces and,
// unless it is to speak to servers, a network of its own; a root that is one directory or a few files in
// memory (the host's file systems are unmounted, not hidden), no_new_privs, few or no capabilities, and only
// the descriptors it needs. When it is taken over it can spoil that root and its answer, nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"

namespace image {

struct Sandbox {
  const char* process_name = "vial:unpack";  // as ps shows it
  std::string root;              // host directory that becomes "/", nodev, nosuid, noexec; empty: `files`
  bool read_only = false;        // ... and read-only, as `files` always are
  bool host_network = false;     // keeps the machine's network namespace
  uint64_t capabilities = 0;     // mask of those it keeps; 0: also the ids become nobody's
  std::vector<int> descriptors;  // stay open, under their numbers
  // In the child, while the host is still in view: what is needed of it is read here.
  std::function<Result<void>()> prepare = nullptr;
  // In the child, in the directory that becomes "/": a few small files in memory.
  std::function<Result<void>()> files = nullptr;
};

// A started child. Destroying it kills and reaps.
class SandboxedChild {
 public:
  explicit SandboxedChild(Fd pidfd, Fd alive) : pidfd_(std::move(pidfd)), alive_(std::move(alive)) {}
  SandboxedChild(SandboxedChild&&) noexcept = default;
  SandboxedChild& operator=(SandboxedChild&&) = delete;
  ~SandboxedChild();
  int pidfd() const { return pidfd_.get(); }
  // Reaps it.
  Result<ExitStatus> wait();

 private:
  Fd pidfd_;
  Fd alive_;  // its end tells a child that was just being born that we are dead
};

// Runs `body` in a child; what it returns is the exit code. Setting up the sandbox happens in the child: exit
// code kSandboxFailed says that it failed (its cause is on stderr). The child dies with this process.
// kSystem.
inline constexpr int kSandboxFailed = 125;
Result<SandboxedChild> start_sandboxed(const Sandbox& sandbox, const std::function<int()>& body);

}  // namespace image
