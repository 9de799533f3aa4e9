// The main() of a fuzz target in builds without libFuzzer: runs it once on each file of a directory.
#include <cstdint>
#include <cstdio>

#include "base/file.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string directory = argv[1];
  const auto names = list_directory(directory);
  if (!names || names->empty()) {
    std::fprintf(stderr, "no files in %s\n", directory.c_str());
    return 1;
  }
  for (const auto& name : *names) {
    const auto bytes = read_file(directory + "/" + name);
    if (!bytes) return 1;
    std::fprintf(stderr, "%s\n", name.c_str());  // the last one is the one that crashed
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size());
  }
  return 0;
}
