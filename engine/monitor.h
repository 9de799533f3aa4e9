// The monitor: the one process that stays with a container. Forked from the command, it performs the plan,
// pumps stdio to log and clients, waits for the end, writes exit.json and undoes what the plan left. When it
// is killed the container lives on, and the next command cleans up (recover.h).
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "engine/log_writer.h"
#include "engine/operations.h"
#include "engine/prepare.h"
#include "engine/record.h"
#include "engine/store.h"

namespace engine {

struct MonitorSetup {
  const Store* store = nullptr;
  const ContainerRecord* record = nullptr;
  const Prepared* prepared = nullptr;
  LogSettings log;
  Fd owner;               // the "owner" lock, held until everything is cleaned up
  Fd client;              // the connection to the command that started it
  uint32_t wants = 0;     // what that command wants (Want)
  bool close_in = false;  // stdin ends when that command's does
  Explainer explainer;
};

// Never returns: _exit(0). Everything that goes wrong is told to the client and in exit.json.
[[noreturn]] void run_monitor(MonitorSetup setup) noexcept;

}  // namespace engine
