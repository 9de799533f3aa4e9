// A bundle with a small root of busybox, and vial-oci on a state directory of its own, for one test. When the
// test ends its container is deleted, and nothing of it may be left.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "tests/integration/vial_fixture.h"

class SpecBundle {
 public:
  SpecBundle();
  ~SpecBundle();
  SpecBundle(const SpecBundle&) = delete;
  SpecBundle& operator=(const SpecBundle&) = delete;
  SpecBundle(SpecBundle&&) = delete;
  SpecBundle& operator=(SpecBundle&&) = delete;

  // What `vial-oci spec` writes, with a cgroup of its own, changed by the test; written by run() and
  // create().
  Json config;
  void set_script(const std::string& script);

  const std::string& directory() const { return directory_; }
  const std::string& id() const { return id_; }
  std::string rootfs() const { return directory_ + "/rootfs"; }
  void write_config() const;
  // vial-oci --root ROOT WORDS...; stdout and stderr by files, as containers keep them.
  Outcome oci(const Words& words) const;
  Outcome run();     // run -b BUNDLE ID
  Outcome create();  // create -b BUNDLE ID; what the container prints goes to output()
  std::string output() const;
  std::string status() const;  // of `state`, or "" when there is none
  // Whether `wanted` is the status within some seconds.
  bool becomes(const std::string& wanted) const;
  std::vector<std::string> leftovers() const;

 private:
  std::string directory_;
  std::string id_;
};
