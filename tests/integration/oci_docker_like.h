// A program with docker's command line that runs containers through an OCI runtime, and what each of them is
// tested by.
#pragma once

#include <string>

#include "tests/integration/oci_callers.h"

class DockerLike {
 public:
  DockerLike() = default;
  virtual ~DockerLike() = default;
  DockerLike(const DockerLike&) = delete;
  DockerLike& operator=(const DockerLike&) = delete;

  // The whole command line of a command, of a `run`: with the program's name and what it needs here.
  virtual Words line(const Words& words) const = 0;
  virtual Words run_words(const Words& words) const = 0;

  Outcome call(const Words& words) const { return rig_.call(line(words)); }
  Outcome run(const Words& words) const { return call(run_words(words)); }
  std::string must(const Words& words) const { return rig_.must(line(words)); }
  const CallerRig& rig() const { return rig_; }
  // Whether the container's log has this text within a few seconds.
  bool logs(const std::string& name, const std::string& text) const;

 protected:
  CallerRig rig_;
};

void runs_to_the_end(const DockerLike& program);
void keeps_limits(const DockerLike& program);
void looks_after_one(const DockerLike& program);
void gives_a_terminal(const DockerLike& program);
// For the emulated machine, where a command takes seconds.
void works_in_brief(const DockerLike& program);
