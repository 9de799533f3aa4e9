// Starts commands and measures them, with as little of its own as there can be: a launcher in Python would
// add its millisecond to both sides of a ratio, and its memory to every child's peak.
//   launch ROUNDS PAUSE_US PARALLEL < LIST
// LIST has one operation a line, fields separated by tabs: NAME, then words; a word ";" ends a command and
// begins the next one of the same operation, "@" in a word is replaced by the number of the run. Every round
// runs each operation once, in turn, after the pause; with PARALLEL > 1, so many at a time. For each run it
// prints "NAME MICROSECONDS PEAK_KB", and with PARALLEL a line "NAME MICROSECONDS 0" for all of them
// together.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace {

using Command = std::vector<std::string>;

struct Operation {
  std::string name;
  std::vector<Command> commands;
};

long microseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

std::vector<Operation> read_list() {
  std::vector<Operation> all;
  std::string word;
  bool first = true;
  for (int letter = std::getchar(); letter != EOF; letter = std::getchar()) {
    if (letter != '\t' && letter != '\n') {
      word += static_cast<char>(letter);
      continue;
    }
    if (first) {
      all.push_back({word, {{}}});
    } else if (word == ";") {
      all.back().commands.emplace_back();
    } else {
      all.back().commands.back().push_back(word);
    }
    first = letter == '\n';
    word.clear();
  }
  return all;
}

std::string numbered(std::string word, int number) {
  const auto at = word.find('@');
  if (at != std::string::npos) word.replace(at, 1, std::to_string(number));
  return word;
}

pid_t spawn(const Command& command, int number) {
  std::vector<std::string> words;
  std::vector<char*> argv;
  for (const auto& word : command)
    words.push_back(numbered(word, number));
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -1;
}

// The peak of its memory in KiB; ends this program when the command fails.
long finish(pid_t pid, const Operation& operation) {
  int status = -1;
  rusage usage = {};
  if (pid > 0) ::wait4(pid, &status, 0, &usage);
  if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return usage.ru_maxrss;
  std::fprintf(stderr, "launch: %s failed (status %d)\n", operation.name.c_str(), status);
  std::exit(1);
}

void run_one(const Operation& operation, int number) {
  const long begin = microseconds();
  long peak = 0;
  for (const auto& command : operation.commands)
    peak = std::max(peak, finish(spawn(command, number), operation));
  std::printf("%s %ld %ld\n", operation.name.c_str(), microseconds() - begin, peak);
  std::fflush(stdout);
  // Containers that outlived their creator are ours now.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

void run_parallel(const Operation& operation, int rounds, int parallel) {
  const long begin = microseconds();
  int running = 0;
  int failed = 0;
  for (int started = 0; started < rounds || running > 0;) {
    if (started < rounds && running < parallel) {
      if (spawn(operation.commands.front(), started++) < 0) std::exit(1);
      ++running;
      continue;
    }
    int status = 0;
    ::wait(&status);
    failed += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
    --running;
  }
  if (failed > 0) {
    std::fprintf(stderr, "launch: %d of %d failed: %s\n", failed, rounds, operation.name.c_str());
    std::exit(1);
  }
  std::printf("%s %ld 0\n", operation.name.c_str(), microseconds() - begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int rounds = static_cast<int>(std::strtol(argv[1], nullptr, 10));
  const long pause_us = std::strtol(argv[2], nullptr, 10);
  const int parallel = static_cast<int>(std::strtol(argv[3], nullptr, 10));
  ::prctl(PR_SET_CHILD_SUBREAPER, parallel == 1 ? 1 : 0);
  const auto operations = read_list();
  if (parallel > 1) {
    for (const auto& operation : operations)
      run_parallel(operation, rounds, parallel);
    return 0;
  }
  const timespec pause = {pause_us / 1'000'000, pause_us % 1'000'000 * 1000};
  for (int round = 0; round < rounds; ++round)
    for (const auto& operation : operations) {
      ::nanosleep(&pause, nullptr);
      run_one(operation, round);
    }
}
