#include "tests/integration/running_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/file.h"
#include "base/process.h"
#include "base/syscalls.h"

namespace {

[[noreturn]] void become(const Words& line) {
  const auto argv = exec_pointers(line);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

// -1 when it does not end in time.
int exit_code_in_time(pid_t pid) {
  int status = 0;
  const bool ended = within(kPatience, [&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
  return ended ? ExitStatus::from_wait_status(status).shell_code() : -1;
}

void end_program(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

int64_t monotonic_ms() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

bool within(int seconds, const std::function<bool()>& condition) {
  constexpr timespec kPause = {0, 10'000'000};
  const int64_t end = monotonic_ms() + int64_t{seconds} * 1000;
  for (;;) {
    if (condition()) return true;
    if (monotonic_ms() > end) return false;
    ::nanosleep(&kPause, nullptr);
  }
}

bool in_vm() {
  return ::getenv("VIAL_VM") != nullptr;
}

bool is_sanitized() {
  const char* which = ::getenv("VIAL_SANITIZE");
  return which != nullptr && *which != '\0';
}

RunningProgram::RunningProgram(const Words& line, const std::string& directory) {
  static int count = 0;
  const std::string name = directory + "/program-" + std::to_string(++count);
  out_path_ = name + ".out";
  err_path_ = name + ".err";
  std::array<int, 2> ends = {};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  input_ = Fd(ends[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    constexpr int kNewFile = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    ::dup2(reading.get(), 0);
    ::dup2(::open(out_path_.c_str(), kNewFile, 0600), 1);
    ::dup2(::open(err_path_.c_str(), kNewFile, 0600), 2);
    become(line);
  }
  REQUIRE(pid_ > 0);
}

RunningProgram::~RunningProgram() {
  if (!waited_) end_program(pid_);
}

void RunningProgram::signal(int number) const {
  REQUIRE(::kill(pid_, number) == 0);
}

void RunningProgram::type(std::string_view text) const {
  REQUIRE(write_all(input_.get(), text));
}

std::string RunningProgram::out() const {
  return read_file(out_path_).value_or("");
}

std::string RunningProgram::err() const {
  return read_file(err_path_).value_or("");
}

Outcome RunningProgram::wait() {
  Outcome outcome;
  outcome.code = exit_code_in_time(pid_);
  outcome.out = out();
  outcome.err = read_file(err_path_).value_or("");
  INFO("no end in sight; stdout: " << outcome.out << "\nstderr: " << outcome.err);
  REQUIRE(outcome.code >= 0);
  waited_ = true;
  return outcome;
}

TerminalProgram::TerminalProgram(const Words& line, unsigned short rows, unsigned short columns)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  REQUIRE(master_);
  REQUIRE(::unlockpt(master_.get()) == 0);
  std::array<char, 64> name = {};
  REQUIRE(::ptsname_r(master_.get(), name.data(), name.size()) == 0);
  slave_ = Fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(slave_);
  resize(rows, columns);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setsid();
    ::ioctl(slave_.get(), TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; ++fd)
      ::dup2(slave_.get(), fd);
    become(line);
  }
  REQUIRE(pid_ > 0);
}

TerminalProgram::~TerminalProgram() {
  if (!waited_) end_program(pid_);
}

void TerminalProgram::type(std::string_view text) const {
  REQUIRE(write_all(master_.get(), text));
}

void TerminalProgram::resize(unsigned short rows, unsigned short columns) const {
  const winsize size = {rows, columns, 0, 0};
  REQUIRE(::ioctl(master_.get(), TIOCSWINSZ, &size) == 0);
}

void TerminalProgram::read_some() {
  pollfd ready = {master_.get(), POLLIN, 0};
  while (::poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
    std::array<char, 4096> buffer = {};
    const ssize_t count = ::read(master_.get(), buffer.data(), buffer.size());
    if (count <= 0) return;
    output_.append(buffer.data(), static_cast<size_t>(count));
  }
}

bool TerminalProgram::shows(std::string_view text, int seconds) {
  return within(seconds, [&] {
    read_some();
    const size_t at = output_.find(text, seen_);
    if (at == std::string::npos) return false;
    seen_ = at + text.size();
    return true;
  });
}

bool TerminalProgram::is_cooked() const {
  termios settings = {};
  REQUIRE(::tcgetattr(slave_.get(), &settings) == 0);
  constexpr tcflag_t kCooked = ICANON | ECHO | ISIG;
  return (settings.c_lflag & kCooked) == kCooked && (settings.c_oflag & OPOST) != 0;
}

int TerminalProgram::wait() {
  int status = 0;
  const bool ended = within(kPatience, [&] {
    read_some();
    return ::waitpid(pid_, &status, WNOHANG) == pid_;
  });
  INFO("no end in sight; the terminal shows: " << output_);
  REQUIRE(ended);
  waited_ = true;
  read_some();
  return ExitStatus::from_wait_status(status).shell_code();
}
