// Moments at which tests stop or kill a program of ours; in builds without VIAL_FAULTS there are none.
#pragma once

namespace runtime {

// Ends this process where VIAL_KILL_AT names `place`, and stops it (SIGSTOP) where VIAL_STOP_AT does.
void fault_at(const char* place);

}  // namespace runtime
