// Names of containers: what is allowed, and random ones.
#pragma once

#include <string>

#include "base/result.h"

namespace engine {

// [a-zA-Z0-9][a-zA-Z0-9_.-]*, kInvalid in Docker's words otherwise. Docker wants two characters; one is as
// good a name, and courses use it (`--name c`).
Result<void> check_name(const std::string& name);
// The name without the slash that Docker's API puts in front.
std::string bare_name(const std::string& name);

// 64 hex digits that do not look like a number in their first 12 (they become the hostname).
std::string new_id();
// "adjective_surname" from our word lists; `attempt` > 0 appends a digit, so that a full list is no end.
std::string random_name(unsigned attempt);

bool is_full_id(const std::string& text);
// At least one lower-case hex digit, at most 64: may be the beginning of an id.
bool is_id_prefix(const std::string& text);

}  // namespace engine
