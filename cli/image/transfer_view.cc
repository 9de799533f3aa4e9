#include "cli/image/transfer_view.h"

#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/units.h"
#include "cli/output.h"

namespace cli {

namespace {

constexpr int64_t kBetweenDraws = 80'000'000;  // ns
constexpr size_t kBarWidth = 50;

}  // namespace

std::string progress_bar(uint64_t done, uint64_t total) {
  const uint64_t shown = std::min(done, total);
  const size_t filled = total == 0 ? kBarWidth : static_cast<size_t>(shown * kBarWidth / total);
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar += ">" + std::string(kBarWidth - filled - 1, ' ');
  return "[" + bar + "]  " + human_size(shown) + "/" + human_size(total);
}

TransferView::TransferView(int fd, bool quiet) : fd_(fd), quiet_(quiet), on_terminal_(::isatty(fd) == 1) {}

void TransferView::line(const std::string& text) {
  if (quiet_) return;
  // Through the command's own output, which remembers a failure.
  if (fd_ == STDOUT_FILENO) return print_line(text);
  static_cast<void>(write_all(fd_, text + "\n"));
}

void TransferView::draw(size_t index) {
  std::string text;
  while (drawn_ <= index) {
    text += "\n";
    ++drawn_;
  }
  const size_t up = drawn_ - index;
  text += "\x1b[" + std::to_string(up) + "A\r\x1b[2K";
  const size_t width = static_cast<size_t>(std::max(terminal_width(), 20));
  text += (rows_[index].id + ": " + rows_[index].text).substr(0, width - 1);
  text += "\r\x1b[" + std::to_string(up) + "B";
  print(text);
}

void TransferView::state(size_t index, const std::string& id, const std::string& text) {
  if (quiet_) return;
  if (!on_terminal_) return line(id + ": " + text);
  if (rows_.size() <= index) rows_.resize(index + 1);
  rows_[index] = {id, text};
  draw(index);
}

void TransferView::progress(size_t index, const char* what, uint64_t done, uint64_t total) {
  if (quiet_ || !on_terminal_ || index >= rows_.size()) return;
  const int64_t now = monotonic_ns();
  if (now - last_draw_ns_ < kBetweenDraws) return;
  last_draw_ns_ = now;
  rows_[index].text = std::string(what) + " " + progress_bar(done, total);
  draw(index);
}

void TransferView::finish() {
  rows_.clear();
  drawn_ = 0;
}

}  // namespace cli
