// The gate between create and start: a listening socket in the container's state directory. The init has it
// from before its pivot and waits there; whoever starts the container comes to it by name, so that the
// creator may be gone. One wake-up of the init, one of the starter.
//
//   starter                                  init, waiting in accept(2)
//   connect, kStart      ------->            takes the first one, closes the gate: a reset for all others
//                                            last steps, execve
//   unlink the name      <---- end of file   the program runs
//                        <----     kFailed   then _exit(125)
//
// A connection without kStart changes nothing: the init goes on waiting. So a starter may be killed at any
// moment: until its kStart is sent the next one starts the container, after that nobody needs to.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace runtime {

// Makes the gate in the directory, closed: nobody can come before open_gate(). unix(7). The directory may be
// at a path of any length. kSystem.
Result<Fd> make_gate(int dir_fd);
// The container is ready: gives the gate the name under which it is found. One rename(2).
Result<void> open_gate(int dir_fd);

enum class Gate { kNone, kClosed, kOpen };
// What is there by name. A container that has been started has none, or an open one that nobody attends: its
// starter was killed.
Gate gate_at(int dir_fd);
// Whether the init of an open gate still waits behind it. Comes to it and goes again.
bool is_attended(int dir_fd);

// The init's side: waits for a starter and its kStart, and puts the connection to it in the place of
// `handshake_fd`. kSystem.
Result<void> wait_at_gate(int gate_fd, int handshake_fd);

// The starter's side: lets the init go on to execve and waits until that has happened. False when nobody
// waits there: the container was started already, is not ready, or its init is dead. Errors: the init's own.
Result<bool> pass_gate(int dir_fd);

}  // namespace runtime
