// A container's process in the foreground: signals go to it, its terminal is ours, its end is ours.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "base/terminal.h"

namespace cli::oci {

// From construction on signals are kept for the process that is to come.
class Foreground {
 public:
  Foreground();
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;
  Foreground(Foreground&&) = delete;
  Foreground& operator=(Foreground&&) = delete;
  ~Foreground() = default;

  // Raw mode from now on, if standard input is a terminal. To be called before the launch: it makes a
  // process, and after an exec's launch that would be one of the container's.
  void take_terminal() { terminal_.emplace(0); }

  // Stays with our child behind `pidfd` until it ends. With a console (the pty's master) bytes go to and fro
  // and its size follows that of our terminal; without, the process has our own standard streams. kSystem.
  Result<ExitStatus> attend(int pidfd, Fd console);

 private:
  Fd signals_;
  std::optional<RawTerminal> terminal_;
};

}  // namespace cli::oci
