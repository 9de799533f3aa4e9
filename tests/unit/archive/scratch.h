// A directory for one test, with a canary beside what the test unpacks: a tree that nothing may touch.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/archive/limits.h"
#include "image/archive/unpack_layer.h"
#include "image/store.h"

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  std::string canary() const { return path_ + "/canary"; }
  // Names, types, modes, owners, times and contents of the canary's tree.
  std::string canary_state() const;

  // Unpacks a layer, compressed or not, into path()/layerN/fs as `load` does; its directory is layer().
  Result<image::UnpackedLayer> unpack(const std::string& tar, const image::Limits& limits = {});
  std::string layer() const { return layers_.back(); }

 private:
  std::string path_;
  std::vector<std::string> layers_;
};

struct stat stat_of(const std::string& path);  // lstat(2); all zero when there is nothing
std::string content_of(const std::string& path);
std::string link_of(const std::string& path);
std::string xattr_of(const std::string& path, const char* name);  // "<none>" when absent
bool is_whiteout(const std::string& path);
bool is_opaque(const std::string& path);
image::Store store_in(const Scratch& scratch, const std::string& name = "store");
// What gzip(1) makes of it; `level` is an option of its own.
std::string gzipped(const std::string& bytes, const char* level = "-6");
// Runs a command; false, with a warning of what it said, when it fails.
bool works(const std::vector<std::string>& command);
void write_test_file(const std::string& path, const std::string& content);
