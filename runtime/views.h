// The views of a plan: text for people. None of them knows a step kind; all they know is the list.
#pragma once

#include <span>
#include <string>

#include "base/step.h"
#include "runtime/performance.h"

namespace runtime {

// In both of these ids are shortened to 12 digits.
// --dry-run: what would be done, a numbered line a step: lane, name, system calls, man page.
std::string dry_run_text(const Plan& plan);

// --explain: what was done: time since the start, duration, system calls, before -> after, why, man page.
std::string explain_text(const Plan& plan, std::span<const StepRecord> records);

// Lines of shell for what is there before a plan is performed: a container's directories and files. `id` is
// the container's in all lines, where it is a name in a path; each run of the script takes one of its own for
// it.
struct ShellFiles {
  std::string id;
  std::string make;
  std::string remove;
};

// --as-shell: a script for sh with util-linux and a static busybox that builds the same container. What shell
// can't express stands there as a comment. `title` becomes a comment in its head.
std::string shell_script(const Plan& plan, const std::string& title, const ShellFiles& files);

}  // namespace runtime
