// Making a container's directories, name and record; starting one that is made. Shared by create, run and
// start.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "engine/operations.h"
#include "engine/record.h"
#include "engine/store.h"

namespace engine {

// A container that exists, and the right to start it.
struct Made {
  ContainerRecord record;
  Fd owner;
};
// On an error nothing is left behind.
Result<Made> make_container(const Store& store, const RunRequest& request);

struct StartOptions {
  std::optional<AttachOptions> attach;  // absent: detached
  bool close_in = false;                // the container's stdin ends with the caller's
  Explainer explainer;
};
// Forks the monitor, waits for its answer, attaches. `made.owner` goes to the monitor.
Result<Outcome> start_made(const Store& store, Made made, const StartOptions& options);

}  // namespace engine
