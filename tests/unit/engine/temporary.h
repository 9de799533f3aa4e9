// A directory for one test, removed at its end.
#pragma once

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX

#include <string>

#include "base/file.h"

class TemporaryDirectory {
 public:
  TemporaryDirectory() { path_ = ::mkdtemp(path_.data()); }
  ~TemporaryDirectory() { (void)remove_tree(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/vial-test-XXXXXX";
};
