// The real programs on roots of their own, with the samples loaded, for one test. When the test ends, the
// host must look as it did when it began: see leaks.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/integration/leaks.h"

using Words = std::vector<std::string>;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

// VIAL_BIN_DIR/NAME, VIAL_SAMPLES; the test fails when they are not set.
std::string program(const std::string& name);
std::string probe_program();
// The archive of a sample image, for load: VIAL_SAMPLES/SAMPLE.tar.
std::string sample_archive(const std::string& sample);

class Vial {
 public:
  Vial();
  ~Vial();
  Vial(const Vial&) = delete;
  Vial& operator=(const Vial&) = delete;

  // vial --root R --run-root S WORDS...
  Words command_line(const Words& words) const;
  Outcome run(const Words& words, const std::string& input = "") const;
  // The same with `before` run in the child, ahead of execve(2): descriptors, limits, environment.
  Outcome run_after(const std::function<void()>& before, const Words& words) const;
  // The same on a terminal of its own: what the program wrote there is `out`; `input` is typed.
  Outcome run_on_terminal(const Words& words, const std::string& input = "") const;

  // `run --rm -v PROBE:/probe:ro OPTIONS busybox /probe ARGUMENTS`: what the probe printed. The test fails
  // unless it ended with 0.
  Json inside(const Words& options, const Words& arguments = {}) const;
  // `run --rm OPTIONS busybox sh -c SCRIPT`
  Outcome shell(const Words& options, const std::string& script) const;

  // An empty directory of this test, gone with it.
  const std::string& directory() const { return directory_; }
  const std::string& data_root() const;
  const std::string& run_root() const;

 private:
  std::string directory_;
  HostPicture before_;
};
