#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t and the POSIX part
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"

namespace {

// Of signal(7), by number (x86, ARM and most others).
constexpr std::array kSignalNames = {"",       "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
                                     "FPE",    "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
                                     "STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
                                     "XCPU",   "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};

// As Docker counts them, whatever the C library keeps for itself.
constexpr int kFirstRealTime = 34;
constexpr int kLastRealTime = 64;

}  // namespace

ExitStatus ExitStatus::from_wait_status(int status) {
  return WIFSIGNALED(status) ? signaled(WTERMSIG(status)) : exited(WEXITSTATUS(status));
}

std::string ExitStatus::text() const {
  if (signal_ == 0) return "exited with code " + std::to_string(code_);
  return "was killed by signal " + std::to_string(signal_) + " (" + signal_name(signal_) + ")";
}

Result<ExitStatus> wait_for(int pidfd) {
  siginfo_t info = {};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | __WALL);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return Error::from_errno("waitid", errno);
  return info.si_code == CLD_EXITED ? ExitStatus::exited(info.si_status)
                                    : ExitStatus::signaled(info.si_status);
}

bool wait_until_dead(int pidfd, int timeout_ms) {
  pollfd entry = {pidfd, POLLIN, 0};
  int result = 0;
  do {
    result = ::poll(&entry, 1, timeout_ms);
  } while (result < 0 && errno == EINTR);
  return result > 0;
}

namespace {

// 0 where pidfds are no files of their own: there all have the same inode.
uint64_t inode_of(int pidfd) {
  constexpr auto kPidFs = 0x50494446;  // PID_FS_MAGIC of linux/magic.h
  struct statfs filesystem = {};
  if (::fstatfs(pidfd, &filesystem) < 0 || filesystem.f_type != kPidFs) return 0;
  const auto status = sys::fstat(pidfd);
  return status ? status->st_ino : 0;
}

// Field `number`, counted from 1 as in proc(5), of /proc/PID/stat; one behind the name.
Result<uint64_t> stat_field(pid_t pid, size_t number) {
  auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return not_found("process " + std::to_string(pid) + " does not exist");
  // The name, field 2, may hold spaces and parentheses: count from behind its last ')'.
  const size_t close = stat->rfind(')');
  if (close == std::string::npos) return corrupt("unreadable /proc/PID/stat");
  const auto fields = split(std::string_view(*stat).substr(close + 2), ' ');
  constexpr size_t kFirst = 3;
  if (fields.size() <= number - kFirst) return corrupt("unreadable /proc/PID/stat");
  return parse_uint(fields[number - kFirst]);
}

Result<uint64_t> start_ticks_of(pid_t pid) {
  constexpr size_t kStartTime = 22;
  return stat_field(pid, kStartTime);
}

}  // namespace

Result<ProcessIdentity> identify(pid_t pid, int pidfd) {
  ProcessIdentity identity = {.pid = pid, .inode = inode_of(pidfd)};
  if (identity.inode == 0) identity.start_ticks = TRY(start_ticks_of(pid));
  return identity;
}

Result<ProcessIdentity> identify(pid_t pid) {
  const auto pidfd = sys::pidfd_open(pid);
  if (!pidfd) return not_found("process " + std::to_string(pid) + " does not exist");
  return identify(pid, pidfd->get());
}

Result<bool> has_executed(pid_t pid) {
  constexpr size_t kFlags = 9;
  constexpr uint64_t kForkedWithoutExec = 0x40;  // PF_FORKNOEXEC
  const uint64_t flags = TRY(stat_field(pid, kFlags));
  return (flags & kForkedWithoutExec) == 0;
}

Result<pid_t> pid_of(int pidfd) {
  const std::string text = TRY(read_file("/proc/self/fdinfo/" + std::to_string(pidfd)));
  constexpr std::string_view kField = "\nPid:\t";
  const size_t field = text.find(kField);
  if (field == std::string::npos) return corrupt("not a pidfd");
  const size_t start = field + kField.size();
  const auto pid = parse_uint(text.substr(start, text.find('\n', start) - start));  // -1 and 0 are nobody
  if (!pid || *pid == 0) return not_found("the process behind the pidfd is gone");
  return static_cast<pid_t>(*pid);
}

Result<Fd> open_process(const ProcessIdentity& identity) {
  const Error gone = not_found("process " + std::to_string(identity.pid) + " is gone");
  if (identity.pid <= 0) return gone;
  auto pidfd = sys::pidfd_open(identity.pid);
  if (!pidfd && (pidfd.error().error_number() == ESRCH || pidfd.error().error_number() == EINVAL))
    return gone;
  if (!pidfd) return pidfd;  // EMFILE: it may well be there
  // Read after the pidfd was taken: from here on the pid can't move under us.
  const bool is_same = identity.inode != 0 ? inode_of(pidfd->get()) == identity.inode
                                           : start_ticks_of(identity.pid).value_or(~identity.start_ticks) ==
                                                 identity.start_ticks;
  if (!is_same || wait_until_dead(pidfd->get(), 0)) return gone;
  return pidfd;
}

Result<std::string> boot_id() {
  const std::string text = TRY(read_file("/proc/sys/kernel/random/boot_id"));
  return std::string(trim(text));
}

std::vector<char*> exec_pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const auto& text : strings)
    pointers.push_back(const_cast<char*>(text.c_str()));  // NOLINT: execve(2) reads only
  pointers.push_back(nullptr);
  return pointers;
}

namespace {

void exec_with(const std::vector<std::string>& argv, int in, int out, int err) {
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  const auto arguments = exec_pointers(argv);
  ::execvp(arguments[0], arguments.data());
  ::_exit(errno == ENOENT ? 127 : 126);
}

}  // namespace

Result<CommandOutput> run_command(const std::vector<std::string>& argv, const std::string& input) {
  sys::Pipe in = TRY(sys::pipe2(0));
  sys::Pipe out = TRY(sys::pipe2(0));
  sys::Pipe err = TRY(sys::pipe2(0));
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork", errno);
  if (pid == 0) exec_with(argv, in.reader.get(), out.writer.get(), err.writer.get());
  const Fd pidfd = TRY(sys::pidfd_open(pid));
  in.reader.reset();
  out.writer.reset();
  err.writer.reset();
  // Else a program that fills its output before it has read its input blocks us, and we it.
  if (::fcntl(in.writer.get(), F_SETFL, O_NONBLOCK) < 0) return Error::from_errno("fcntl", errno);
  CommandOutput output;
  size_t sent = 0;
  std::array<char, 65536> buffer = {};
  const auto drain = [&](Fd& fd, std::string& text) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) return fd.reset();
    text.append(buffer.data(), static_cast<size_t>(count));
  };
  while (out.reader || err.reader) {
    if (sent == input.size()) in.writer.reset();
    std::array<pollfd, 3> entries = {pollfd{out.reader.get(), POLLIN, 0}, pollfd{err.reader.get(), POLLIN, 0},
                                     pollfd{in.writer.get(), POLLOUT, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR)
      return Error::from_errno("poll", errno);
    if (entries[0].revents != 0) drain(out.reader, output.out);
    if (entries[1].revents != 0) drain(err.reader, output.err);
    if (entries[2].revents != 0) {
      const ssize_t count = ::write(in.writer.get(), input.data() + sent, input.size() - sent);
      if (count < 0 && errno != EAGAIN) in.writer.reset();
      if (count > 0) sent += static_cast<size_t>(count);
    }
  }
  in.writer.reset();
  output.status = TRY(wait_for(pidfd.get()));
  return output;
}

void name_process(const char* name) {
  ::prctl(PR_SET_NAME, name);
}

Result<int> parse_signal(const std::string& text) {
  const Error bad = invalid("invalid signal: " + text);
  auto number = parse_uint(text);
  if (number) {
    if (*number == 0 || *number > 64) return bad;
    return static_cast<int>(*number);
  }
  std::string name = to_upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < static_cast<int>(kSignalNames.size()); ++signal) {
    if (signal_name(signal) == name) return signal;
  }
  for (int offset = 0; offset <= kLastRealTime - kFirstRealTime; ++offset) {
    if (name == "RTMIN+" + std::to_string(offset)) return kFirstRealTime + offset;
    if (name == "RTMAX-" + std::to_string(offset)) return kLastRealTime - offset;
  }
  if (name == "RTMIN") return kFirstRealTime;
  if (name == "RTMAX") return kLastRealTime;
  return bad;
}

std::string signal_name(int signal) {
  const auto index = static_cast<size_t>(signal);
  return index > 0 && index < kSignalNames.size() ? kSignalNames[index] : std::to_string(signal);
}
