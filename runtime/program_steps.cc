// The last steps: finding the program and becoming it.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/init_steps.h"

namespace runtime {
namespace {

// Callers (docker, podman, containerd) match these words to choose between exit codes 126 and 127.
Error exec_error(const std::string& name, int error_number) {
  const std::string shown = "exec: \"" + printable(name) + "\": ";
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {ErrorKind::kNotFound, shown + "stat " + printable(name) + ": no such file or directory",
              ENOENT};
    case EISDIR:  // older callers (docker 20.10, podman 4, containerd 1.6) know the last two words only
      return {ErrorKind::kSystem, shown + "is a directory: permission denied", EACCES};
    case EACCES:
      return {ErrorKind::kSystem, shown + "permission denied", EACCES};
    case ENOEXEC:
      return {ErrorKind::kSystem, shown + "exec format error", EACCES};
    default:
      return Error::from_errno("exec: \"" + printable(name) + "\"", error_number);
  }
}

// execve(2): what a script's first line or an ELF file names is looked for inside, too.
Error no_interpreter(const std::string& name) {
  return {
      ErrorKind::kNotFound,
      "exec: \"" + printable(name) +
          "\": no such file or directory: it is there, what runs it (behind #!, or the dynamic linker) is "
          "not",
      ENOENT};
}

// 0 if `path` is a regular file that somebody may execute, else the errno execve(2) would give.
int executable_errno(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) < 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  constexpr mode_t kAnyExecute = S_IXUSR | S_IXGRP | S_IXOTH;
  return S_ISREG(status.st_mode) && (status.st_mode & kAnyExecute) != 0 ? 0 : EACCES;
}

class FindExecutable : public Step {
 public:
  FindExecutable(const std::string& name, const std::vector<std::string>& env)
      : Step(Lane::kInit, "find " + printable(name)), name_(name) {
    std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    for (const auto& entry : env) {
      if (entry.starts_with("PATH=")) path = entry.substr(5);
    }
    if (contains(name, "/")) {
      candidates_.push_back(name);
      return;
    }
    for (const auto& directory : split(path, ':'))
      candidates_.push_back((directory.empty() ? "." : directory) + "/" + name);
  }

  Result<void> perform(StepContext& context) const override {
    if (name_.empty())
      return Error(ErrorKind::kNotFound, "exec: \"\": executable file not found in $PATH", ENOENT);
    int found = ENOENT;
    for (const auto& candidate : candidates_) {
      const int error_number = executable_errno(candidate);
      if (error_number == 0) {
        context.executable = candidate;
        return ok();
      }
      if (error_number != ENOENT && error_number != ENOTDIR) found = error_number;
    }
    if (found != ENOENT || contains(name_, "/")) return exec_error(name_, found);
    return Error(ErrorKind::kNotFound,
                 "exec: \"" + printable(name_) + "\": executable file not found in $PATH", ENOENT);
  }
  std::string say() const override { return "stat(" + printable(join(candidates_, " | ")) + ")"; }
  std::string shell() const override {
    std::string words;
    for (const auto& candidate : candidates_)
      words += (candidate.starts_with('/') ? " " : " \"$DIRECTORY\"/") + shell_quote(candidate);
    return "for PROGRAM in" + words + "; do [ ! -x \"$PROGRAM\" ] || break; done";
  }
  Reason why() const override {
    return {"a program that is not there is an error before anything has run", "execvp(3)"};
  }

 private:
  std::string name_;
  std::vector<std::string> candidates_;
};

// The sixth field of the line whose third is `uid`, passwd(5); empty: there is none that can be used.
std::string home_of(std::string_view passwd, uint32_t uid) {
  const std::string wanted = std::to_string(uid);
  for (const auto& line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 6 && fields[2] == wanted) return fields[5];
  }
  return "";
}

class Home : public Step {
 public:
  explicit Home(uint32_t uid) : Step(Lane::kInit, "find the home directory"), uid_(uid) {}

  Result<void> perform(StepContext& context) const override {
    // Whatever an image has there, a FIFO or a device, does not make us wait; a file has to fit.
    constexpr size_t kMost = size_t{1} << 20U;
    const auto file = sys::open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const auto text = file ? read_fd(file->get(), kMost) : Result<std::string>(std::string());
    const std::string home = home_of(text ? *text : "", uid_);
    const bool usable = home.starts_with('/') && printable(home) == home;
    context.home = "HOME=" + (usable ? home : "/");
    return ok();
  }
  std::string say() const override { return "read(/etc/passwd)"; }
  std::string shell() const override {
    return "# (HOME is the sixth field of the user's line in etc/passwd)";
  }
  Reason why() const override {
    return {"programs find their settings below $HOME; who called has not looked into the container",
            "passwd(5)"};
  }

 private:
  uint32_t uid_;
};

class LetGo : public Step {
 public:
  LetGo(unsigned preserve_fds, bool outlives)
      : Step(Lane::kInit, "let go of the caller"), preserve_fds_(preserve_fds), outlives_(outlives) {}

  Result<void> perform(StepContext& /*context*/) const override {
    // CVE-2024-21626: whatever is open by now, by mistake of ours or inherited from the caller, ends with
    // this program. What we open from here on says so itself.
    TRY(sys::close_range(3 + preserve_fds_, ~0U, CLOSE_RANGE_CLOEXEC));
    return outlives_ ? sys::prctl(PR_SET_PDEATHSIG, 0) : ok();
  }
  std::string say() const override {
    return std::string("close_range(3, ~0, CLOSE_RANGE_CLOEXEC)") +
           (outlives_ ? "; prctl(PR_SET_PDEATHSIG, 0)" : "");
  }
  std::string shell() const override { return "# (the last program closes all descriptors but 0, 1 and 2)"; }
  Reason why() const override {
    return {
        "no descriptor above 2 goes along; done before the filter, which may allow nothing but the program's "
        "own calls",
        "close_range(2)"};
  }

 private:
  unsigned preserve_fds_;
  bool outlives_;
};

class Exec : public Step {
 public:
  Exec(std::vector<std::string> args, std::vector<std::string> env, bool outlives)
      : Step(Lane::kInit, "execute " + (args.empty() ? std::string() : printable(args[0]))),
        args_(std::move(args)),
        env_(std::move(env)),
        outlives_(outlives),
        argv_(exec_pointers(args_)),
        envp_(exec_pointers(env_)) {}

  Result<void> perform(StepContext& context) const override {
    if (outlives_) TRY(sys::prctl(PR_SET_PDEATHSIG, 0));  // from here on the container outlives its monitor
    std::vector<char*> envp = envp_;
    if (!context.home.empty()) envp.insert(envp.end() - 1, context.home.data());
    ::execve(context.executable.c_str(), argv_.data(), envp.data());
    const int error_number = errno;
    const bool is_there = error_number == ENOENT && executable_errno(context.executable) == 0;
    return is_there ? no_interpreter(context.executable) : exec_error(context.executable, error_number);
  }
  std::string say() const override {
    return (outlives_ ? "prctl(PR_SET_PDEATHSIG, 0); execve(" : "execve(") + printable(shell_words(args_)) +
           ")";
  }
  std::string shell() const override {
    std::string words;
    for (const auto& entry : env_)
      words += " " + shell_quote(entry);
    words += " \"$PROGRAM\"";
    for (size_t i = 1; i < args_.size(); ++i)
      words += " " + shell_quote(args_[i]);
    // The last program of the host leaves the host's root as it enters the directory: nothing of it is held
    // then.
    return "# (argv[0] is the program's path here; other descriptors than 0, 1 and 2 are closed first)\n"
           "exec \".$LOADER\" --library-path \"$LIBRARIES\" \".$SETPRIV_PROGRAM\" $SETPRIV -- \".$BUSYBOX\" "
           "sh -c '\n  cd \"$0\"\n  for fd in /proc/self/fd/*; do fd=${fd##*/}; [ \"$fd\" -le 2 ] || eval "
           "\"exec "
           "$fd<&-\"; done\n  exec env -i \"$@\"' \"$DIRECTORY\"" +
           words;
  }
  Reason why() const override {
    return {"the init becomes the container's program; it is pid 1 inside", "execve(2)"};
  }

 private:
  std::vector<std::string> args_;
  std::vector<std::string> env_;
  bool outlives_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
};

}  // namespace

StepPtr find_executable_step(const std::vector<std::string>& args, const std::vector<std::string>& env) {
  return std::make_unique<FindExecutable>(args.empty() ? "" : args[0], env);
}

StepPtr home_step(uint32_t uid) {
  return std::make_unique<Home>(uid);
}

std::vector<std::string> settle_environment(const std::vector<std::string>& env) {
  std::vector<std::string> settled;
  std::map<std::string_view, size_t> places;
  for (const auto& entry : env) {
    const auto [place, is_new] =
        places.emplace(std::string_view(entry).substr(0, entry.find('=')), settled.size());
    if (is_new) {
      settled.push_back(entry);
    } else {
      settled[place->second] = entry;
    }
  }
  return settled;
}

StepPtr let_go_step(unsigned preserve_fds, bool outlives) {
  return std::make_unique<LetGo>(preserve_fds, outlives);
}

StepPtr exec_step(std::vector<std::string> args, std::vector<std::string> env, bool outlives) {
  return std::make_unique<Exec>(std::move(args), std::move(env), outlives);
}

}  // namespace runtime
