// vial-image, which is installed beside vial and does what reads archives and speaks HTTP.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace cli {

// The command line of vial-image for `words` ("pull", "busybox"), with the global options of this one.
std::vector<std::string> image_program_line(const Globals& globals, const std::vector<std::string>& words);

// Becomes vial-image. Returns only on failure: the errno of execvp(3).
int become_image_program(std::vector<std::string> line);

// `vial-image pull` as a child, its output on standard error; it says itself what went wrong. False: it
// failed. Errors: kSystem when it can't be started.
struct ImagePull {
  std::string name;
  std::string platform;  // empty: this machine's
  bool quiet = false;
};
Result<bool> pull_in_child(const Globals& globals, const ImagePull& pull);

}  // namespace cli
