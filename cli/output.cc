#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"

namespace cli {

namespace {
bool failed = false;
}  // namespace

void print(std::string_view text) {
  if (!write_all(STDOUT_FILENO, text)) failed = true;
}

void print_line(std::string_view text) {
  print(std::string(text) + "\n");
}

void complain(std::string_view text) {
  // When standard error can't be written there is nobody left to tell.
  static_cast<void>(write_all(STDERR_FILENO, std::string(text) + "\n"));
}

bool output_failed() {
  return failed;
}

std::string printable_lines(std::string_view text) {
  std::vector<std::string> lines = split(text, '\n');
  for (auto& line : lines)
    line = printable(line);
  return join(lines, "\n");
}

bool has_colour(int fd) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (no_colour == nullptr || no_colour[0] == '\0');
}

int terminal_width() {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

std::string wrap(std::string_view text, size_t width, size_t indent) {
  const std::string newline = "\n" + std::string(indent, ' ');
  std::string result;
  for (const auto& paragraph : split(text, '\n')) {
    if (!result.empty()) result += newline;
    size_t column = 0;
    for (const auto& word : split(paragraph, ' ')) {
      if (column > 0 && column + 1 + word.size() > width) {
        result += newline;
        column = 0;
      }
      if (column > 0) {
        result += ' ';
        ++column;
      }
      result += word;
      column += word.size();
    }
  }
  return result;
}

}  // namespace cli
