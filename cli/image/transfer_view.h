// How a pull or push looks: Docker's lines, one a change of state; on a terminal a line for each layer that
// is written over, with a bar.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cli {

class TransferView {
 public:
  // Lines go to `fd`; on a terminal they are written over. Not at all when `quiet`.
  TransferView(int fd, bool quiet);

  void line(const std::string& text);
  // The state of the layer at `index`: "5cc84ad355aa: Pull complete".
  void state(size_t index, const std::string& id, const std::string& text);
  // On a terminal, some times a second: "5cc84ad355aa: Downloading [==>   ]  1.2MB/3MB".
  void progress(size_t index, const char* what, uint64_t done, uint64_t total);
  // The layers' lines stay as they are; the next state() begins new ones.
  void finish();

 private:
  struct Row {
    std::string id;
    std::string text;
  };
  void draw(size_t index);

  int fd_;
  bool quiet_;
  bool on_terminal_;
  std::vector<Row> rows_;
  size_t drawn_ = 0;  // lines on the terminal
  int64_t last_draw_ns_ = 0;
};

// "[=====>      ]  1.2MB/3MB" in docker's width.
std::string progress_bar(uint64_t done, uint64_t total);

}  // namespace cli
