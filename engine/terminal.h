// The caller's terminal while a container has it: raw mode, put back whatever happens, and the keys that
// detach.
#pragma once

#include <termios.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace engine {

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

// "ctrl-p,ctrl-q" or single characters, to the bytes a terminal sends. Empty text: no keys. kInvalid in
// Docker's words.
Result<std::string> parse_detach_keys(const std::string& text);

// Looks for the keys in what is typed. Bytes that may be their beginning are held back until it is clear.
class DetachKeys {
 public:
  explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}
  // What goes on to the container; `detached` is set when the keys were complete.
  std::string filter(std::string_view typed, bool& detached);

 private:
  std::string keys_;
  size_t matched_ = 0;
};

}  // namespace engine
