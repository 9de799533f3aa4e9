// Programs that run beside a test: with pipes or on a terminal, to be watched, typed to and killed. None of
// them is waited for longer than kPatience.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "tests/integration/vial_fixture.h"

// Seconds; the slowest wait seen, on an emulated machine, is a few.
inline constexpr int kPatience = 15;

// Asks `condition` every 10 ms until it holds or `seconds` are over; whether it held.
bool within(int seconds, const std::function<bool()>& condition);
int64_t monotonic_ms();

// True in the emulated machine, where loops are kept short.
bool in_vm();
// The programs that are tested are a sanitizer's: slow, and large.
bool is_sanitized();

// An environment variable of the programs that are run, while this lives.
class Variable {
 public:
  Variable(const char* name, int value) : Variable(name, std::to_string(value)) {}
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  ~Variable() { ::unsetenv(name_); }  // NOLINT(concurrency-mt-unsafe): one thread
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class RunningProgram {
 public:
  // stdin is the reading end of a pipe; stdout and stderr go to files in `directory`, which must outlive
  // this.
  RunningProgram(const Words& line, const std::string& directory);
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  void type(std::string_view text) const;
  void close_input() { input_.reset(); }
  std::string out() const;
  std::string err() const;
  // The test fails unless it ends within kPatience.
  Outcome wait();

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
  Fd input_;
  std::string out_path_;
  std::string err_path_;
};

class TerminalProgram {
 public:
  TerminalProgram(const Words& line, unsigned short rows, unsigned short columns);
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  pid_t pid() const { return pid_; }
  void type(std::string_view text) const;
  void resize(unsigned short rows, unsigned short columns) const;
  // Whether `text` appears in what is written from now on or was written since the last call that found
  // something.
  bool shows(std::string_view text, int seconds = kPatience);
  const std::string& output() const { return output_; }
  // Whether what is typed is echoed and gathered to lines, as a shell's user expects it.
  bool is_cooked() const;
  int wait();

 private:
  void read_some();
  pid_t pid_ = -1;
  bool waited_ = false;
  Fd master_;
  Fd slave_;  // keeps the terminal's settings readable when the program is gone
  std::string output_;
  size_t seen_ = 0;
};
