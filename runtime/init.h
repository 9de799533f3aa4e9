// The init's side of a start: what runs between clone and execve.
#pragma once

#include <cstddef>

#include "base/step.h"
#include "runtime/performance.h"

namespace runtime {

// The exit code of an init that failed, and said why if it could.
constexpr int kInitFailed = 125;

// Walks the plan's init lane from `first` on. Never returns: execve, or kFailed to the launcher and
// _exit(125). Nothing in the launcher's frames may run on this side of the fork: no return, no exception, no
// atexit handler.
[[noreturn]] void run_init(const Plan& plan, size_t first, StepContext& context, Performance& performance,
                           bool observe) noexcept;

// Performs one step with its times, and what it changes when `observe`. In fault builds obeys VIAL_FAIL_AT=k
// (the step fails with EIO instead) and VIAL_KILL_AT=k (the launcher is killed before it), k counted from 0.
Result<void> perform_step(const Step& step, size_t index, StepContext& context, Performance& performance,
                          bool observe);

}  // namespace runtime
