// A config.json with every member that Spec has a place for, for the tests of reading and writing it.
#pragma once

#include "base/json.h"

// Members are values that reading and writing again leave as they are, to the byte of the dump.
Json full_document();
