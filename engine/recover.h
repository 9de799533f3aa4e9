// Cleaning up behind the dead: a container whose owner's lock nobody holds is nobody's.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "engine/store.h"

namespace engine {

// As long as the result is open recover() touches nothing: for the moment between making a run directory and
// holding its owner's lock. flock(2), shared.
Result<Fd> hold_off_recovery(const Store& store);

// Undoes what journal.json in `directory` lists and removes it; without one nothing was left. What the plan
// only would have left is not touched: it may be somebody else's.
Result<void> undo_journal(const std::string& directory);

// Tells the end of a container whose monitor did not: undoes what its journal lists, writes the end to
// exit.json, removes it if it was to be removed. The caller holds its owner's lock.
Result<void> settle(const Store& store, const std::string& id);

}  // namespace engine
