// Writes tars entry by entry, honest ones and hostile ones, as bytes. Source: tar(5), POSIX pax.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct TarEntry {
  std::string name;
  char type = '0';  // tar(5): 0 file, 1 hard link, 2 symlink, 3 char, 4 block, 5 directory, 6 fifo
  std::string content = {};
  std::string link = {};
  unsigned mode = 0644;
  uint64_t uid = 0;
  uint64_t gid = 0;
  int64_t mtime = 1'000'000'000;
  unsigned major = 0;
  unsigned minor = 0;
  std::optional<uint64_t> claimed_size = {};  // in the header, whatever the content is
  std::vector<std::pair<std::string, std::string>> pax = {};
};

// One entry: header, content, padding; pax headers in front when asked for.
std::string tar_entry(const TarEntry& entry);
// All entries and the end mark.
std::string tar_of(const std::vector<TarEntry>& entries);
// A GNU sparse file (type S) of `size` bytes whose map says that nothing of it is there.
std::string sparse_entry(const std::string& name, uint64_t size);

TarEntry directory(std::string name, unsigned mode = 0755);
TarEntry file(std::string name, std::string content = "x", unsigned mode = 0644);
TarEntry symlink_to(std::string name, std::string target);
TarEntry hard_link_to(std::string name, std::string target);
