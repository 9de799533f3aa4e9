// What can be said against a spec without looking at the host: values outside of their range and members that
// contradict each other. For specs read from a file and for those built in memory alike.
#pragma once

#include "base/result.h"
#include "runtime/spec.h"

namespace runtime {

// Errors: kInvalid, with the JSON pointer of the wrong member as read_spec() gives it. Environment entries
// without '=' are tolerated, as by other runtimes. What a mechanism's own step checks when the plan is made
// (cgroup limits, seccomp rules, schedulers, CPU lists) is left to it.
// Source: runtime-spec config.md, config-linux.md.
Result<void> validate_spec(const Spec& spec);

// The result, with the JSON pointer of a member in front of its error where `is_named`: for what only a step
// finds wrong.
template <typename T>
Result<T> of_member(bool is_named, const std::string& pointer, Result<T> result) {
  if (result || !is_named) return result;
  return std::move(result).error().in(pointer);
}

// The same for a process alone (exec), whose pointer in its document is `pointer`.
Result<void> validate_process(const Process& process, const std::string& pointer);

}  // namespace runtime
