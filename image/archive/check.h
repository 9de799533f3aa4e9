// `system check`: whether everything that the store's records name is there and is what it was when it came.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/store.h"

namespace image {

struct CheckOptions {
  bool deep = false;    // also hashes the packed layers; else only their sizes are looked at
  bool repair = false;  // unpacks damaged layers again from their packed form, removes what can't be used
};

struct CheckReport {
  size_t images = 0;
  size_t layers = 0;
  size_t blobs = 0;
  std::vector<std::string> problems;  // each with what to do; those that are left after a repair
  std::vector<std::string> repairs;   // what was done
};

// Errors: kSystem when it can't look.
Result<CheckReport> check_store(const Store& store, const CheckOptions& options);

}  // namespace image
