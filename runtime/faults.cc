#include "runtime/faults.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace runtime {

#ifdef VIAL_FAULTS
namespace {

void signal_at(const char* place, const char* variable, int signal) {
  const char* wanted = ::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  if (wanted != nullptr && std::strcmp(wanted, place) == 0) ::kill(::getpid(), signal);
}

}  // namespace

void fault_at(const char* place) {
  signal_at(place, "VIAL_KILL_AT", SIGKILL);
  signal_at(place, "VIAL_STOP_AT", SIGSTOP);
}
#else
void fault_at(const char* /*place*/) {}
#endif

}  // namespace runtime
