#include "runtime/hooks.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"

namespace runtime {
namespace {

constexpr size_t kMaxOutput = 600;  // bytes of what a hook prints that an error shows: a handshake's packet
constexpr int kExecFailed = 127;

// In the hook's process: system calls only.
[[noreturn]] void become_hook(const Hook& hook, const std::vector<std::string>& args, int in_fd, int out_fd,
                              const char* directory) {
  for (int signal = 1; signal < NSIG; ++signal)
    ::signal(signal, SIG_DFL);
  sigset_t none = {};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setpgid(0, 0);  // so that a timeout ends what it has started, too
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(in_fd, 0);
  ::dup2(out_fd, 1);
  ::dup2(out_fd, 2);
  (void)sys::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (directory != nullptr) (void)sys::chdir(directory);  // which may be gone when a container is deleted
  const auto argv = exec_pointers(args);
  const auto envp = exec_pointers(hook.env);
  ::execve(hook.path.c_str(), argv.data(), envp.data());
  const std::string text = "execve: " + errno_text(errno);
  (void)write_all(2, text);
  ::_exit(kExecFailed);
}

// The state in a file without a name: a hook may read it or not, nobody waits for it.
Result<Fd> open_input(const std::string& state) {
  Fd input = TRY(sys::memfd_create("state", 0));
  TRY(write_all(input.get(), state));
  if (::lseek(input.get(), 0, SEEK_SET) < 0) return Error::from_errno("lseek", errno);
  return input;
}

struct Output {
  Fd fd;  // the reading end, O_NONBLOCK
  std::string text;

  // Takes what is there; closes at the end of file.
  void take() {
    std::array<char, 4096> buffer = {};
    for (;;) {
      const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
      if (count == 0) return fd.reset();
      if (count < 0) return;
      const size_t room = kMaxOutput - std::min(kMaxOutput, text.size());
      text.append(buffer.data(), std::min(room, static_cast<size_t>(count)));
    }
  }
};

// True when the process behind `pidfd` has ended before the deadline (monotonic ns; 0: none). What it prints
// is read meanwhile: a full pipe would block it. A process that it leaves behind may keep the pipe open.
bool ended_in_time(int pidfd, Output& output, int64_t deadline_ns) {
  constexpr int64_t kMillisecond = 1'000'000;
  for (;;) {
    int wait_ms = -1;
    if (deadline_ns != 0) {
      const int64_t left = (deadline_ns - monotonic_ns() + kMillisecond - 1) / kMillisecond;
      if (left <= 0) return false;
      wait_ms = static_cast<int>(std::min<int64_t>(left, 60'000));
    }
    std::array<pollfd, 2> entries = {pollfd{pidfd, POLLIN, 0}, pollfd{output.fd.get(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), wait_ms) < 0 && errno != EINTR) return false;
    if (entries[1].revents != 0) output.take();
    if (entries[0].revents != 0) return true;
  }
}

Error failed(const std::string& what, const std::string& output) {
  std::string text = what;
  const std::string shown = printable(trim(output));
  if (!shown.empty()) text += ": " + shown;
  return {ErrorKind::kSystem, text};
}

Result<void> run_hook(const Hook& hook, const std::string& state, const char* directory) {
  const Fd input = TRY(open_input(state));
  sys::Pipe pipe = TRY(sys::pipe2(0));
  if (::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK) < 0) return Error::from_errno("fcntl", errno);
  std::vector<std::string> args = hook.args;
  if (args.empty()) args.push_back(hook.path);
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork", errno);
  if (pid == 0) become_hook(hook, args, input.get(), pipe.writer.get(), directory);
  pipe.writer.reset();
  const Fd pidfd = TRY(sys::pidfd_open(pid));
  Output output = {std::move(pipe.reader), {}};
  int64_t deadline = 0;
  if (hook.timeout_s) deadline = monotonic_ns() + std::min<int64_t>(*hook.timeout_s, INT32_MAX) * kSecondNs;
  const bool in_time = ended_in_time(pidfd.get(), output, deadline);
  if (!in_time) {
    ::kill(-pid, SIGKILL);
    (void)sys::pidfd_send_signal(pidfd.get(), SIGKILL);  // before it has made its group
  }
  const ExitStatus status = TRY(wait_for(pidfd.get()));
  if (output.fd) output.take();
  if (!in_time) {
    return failed("killed, as it had not ended after " + std::to_string(*hook.timeout_s) + " s", output.text);
  }
  if (status.shell_code() != 0) return failed(status.text(), output.text);
  return ok();
}

std::string hook_name(const char* list, size_t index, const std::vector<Hook>& hooks) {
  return std::string(list) + " hook " + std::to_string(index + 1) + "/" + std::to_string(hooks.size()) + " " +
         printable(hooks[index].path);
}

}  // namespace

std::string hook_state_json(const HookState& state) {
  Json json = {{"ociVersion", state.oci_version},
               {"id", state.id},
               {"status", state.status},
               {"bundle", state.bundle}};
  if (state.pid != 0) json["pid"] = state.pid;
  if (!state.annotations.empty()) json["annotations"] = state.annotations;
  return dump_json(json);
}

Result<void> run_hooks(const char* name, const std::vector<Hook>& hooks, const HookState& state,
                       HookPlace where) {
  const std::string text = hook_state_json(state);
  const char* directory = where == HookPlace::kBundle ? state.bundle.c_str() : nullptr;
  for (size_t i = 0; i < hooks.size(); ++i)
    TRY_IN(hook_name(name, i, hooks), run_hook(hooks[i], text, directory));
  return ok();
}

std::vector<std::string> run_poststop_hooks(const std::vector<Hook>& hooks, const HookState& state) {
  std::vector<std::string> failures;
  const std::string text = hook_state_json(state);
  for (size_t i = 0; i < hooks.size(); ++i) {
    auto result = run_hook(hooks[i], text, state.bundle.c_str());
    if (!result) failures.push_back(std::move(result).error().in(hook_name("poststop", i, hooks)).text());
  }
  return failures;
}

}  // namespace runtime
