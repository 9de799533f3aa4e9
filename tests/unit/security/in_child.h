// What tests of privileges say in a child.
#pragma once

#include <string>

#include "base/result.h"
#include "base/step.h"
#include "tests/unit/in_child.h"

// Performs a step; "" or the error's text.
inline std::string perform(const StepPtr& step, StepContext& context) {
  const auto done = step->perform(context);
  return done ? "" : done.error().text();
}

// The value of a "Name:" line of /proc/self/status.
std::string status_line(const std::string& name);
