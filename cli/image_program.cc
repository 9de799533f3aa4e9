#include "cli/image_program.h"

#include <unistd.h>

#include <cerrno>

#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cli/output.h"

namespace cli {

std::vector<std::string> image_program_line(const Globals& globals, const std::vector<std::string>& words) {
  std::string path = "vial-image";
  const auto self = sys::readlinkat(-1, "/proc/self/exe");
  if (self) {
    const std::string beside = self->substr(0, self->rfind('/') + 1) + path;
    if (::access(beside.c_str(), X_OK) == 0) path = beside;
  }
  std::vector<std::string> line = {path, "--root", globals.root, "--run-root", globals.run_root};
  if (globals.debug) line.emplace_back("--debug");
  line.insert(line.end(), words.begin(), words.end());
  return line;
}

int become_image_program(std::vector<std::string> line) {
  std::vector<char*> arguments;
  for (auto& word : line)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return errno;
}

Result<bool> pull_in_child(const Globals& globals, const ImagePull& pull) {
  std::vector<std::string> words = {"pull", "--for-run"};
  if (pull.quiet) words.emplace_back("--quiet");
  if (!pull.platform.empty()) words.insert(words.end(), {"--platform", pull.platform});
  words.insert(words.end(), {"--", pull.name});
  auto line = image_program_line(globals, words);
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork", errno);
  if (pid == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    const std::string path = line.front();
    const int error_number = become_image_program(std::move(line));
    complain("vial: can't run " + printable(path) + ": " + errno_text(error_number));
    ::_exit(127);
  }
  const Fd pidfd = TRY(sys::pidfd_open(pid));
  const ExitStatus status = TRY(wait_for(pidfd.get()));
  return status.shell_code() == 0;
}

}  // namespace cli
