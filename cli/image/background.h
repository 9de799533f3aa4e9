// What vial-image leaves to a process behind it, so that the command ends when its work can be used.
#pragma once

#include "image/store.h"

namespace cli {

// Has what was published written to disk, and noted, by a process in the background (Store::settle()). To be
// called when a command has published images; without one nothing is lost but the note.
void settle_in_background(const image::Store& store);

}  // namespace cli
