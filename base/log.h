// Messages of vial's own to the person at the terminal: one line each on stderr, colour only on a terminal
// and never with NO_COLOR. Library code returns errors; only main() and the monitor call this.
#pragma once

#include <string_view>

void log_set_debug(bool on);
bool log_is_debug();
void log_debug(std::string_view text);
// "WARNING: text"
void log_warn(std::string_view text);
