#include "base/log.h"

#include <unistd.h>

#include <string>

#include "base/file.h"

namespace {
bool debug_on = false;  // set once by main() before anything runs

void line(std::string_view text) {
  (void)write_all(STDERR_FILENO,
                  std::string(text) + "\n");  // stderr may be closed: there is nobody left to tell
}
}  // namespace

void log_set_debug(bool on) {
  debug_on = on;
}
bool log_is_debug() {
  return debug_on;
}
void log_debug(std::string_view text) {
  if (debug_on) line(std::string("DEBUG: ") + std::string(text));
}
void log_warn(std::string_view text) {
  line(std::string("WARNING: ") + std::string(text));
}
