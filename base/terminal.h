// The caller's terminal in raw mode while a container has it, put back whatever happens.
#pragma once

#include <termios.h>

#include "base/fd.h"

// Raw mode from construction to destruction. A small process stands by that puts the terminal back when this
// one is killed (SIGKILL can't be caught).
class RawTerminal {
 public:
  // Does nothing when `fd` is no terminal.
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  RawTerminal(RawTerminal&&) = delete;
  RawTerminal& operator=(RawTerminal&&) = delete;

  // Raw again, after somebody stopped and continued us.
  void enter();
  void leave();
  bool is_active() const { return active_; }

 private:
  void start_guard();
  int fd_;
  bool active_ = false;
  termios before_ = {};
  Fd guard_;  // its other end is the guard's: end of file without a byte means we were killed
};
