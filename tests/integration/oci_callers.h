// The programs that call an OCI runtime in real life, for one test: directories of their own below /tmp, a
// /run of this test program's own, their daemons in a network namespace of their own. When the test ends, the
// runtime must have left nothing of any container: no cgroup, mount, process or state.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/integration/leaks.h"
#include "tests/integration/oci_fixture.h"

// A daemon in a new network namespace, its output in a file; stopped with TERM when this is destroyed.
class Daemon {
 public:
  // The test fails unless `ready` holds within a minute.
  Daemon(const Words& line, const std::string& log, const std::function<bool()>& ready);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

 private:
  std::string log_;
  pid_t pid_ = -1;
};

class CallerRig {
 public:
  CallerRig();
  // Daemons must have been stopped before.
  ~CallerRig();
  CallerRig(const CallerRig&) = delete;
  CallerRig& operator=(const CallerRig&) = delete;

  // Below /tmp; its last part is also the name of the parent cgroup that callers are told to use.
  const std::string& directory() const { return directory_; }
  const std::string& name() const { return name_; }
  // The busybox sample as a docker-archive.
  std::string image() const;

  Outcome call(const Words& words) const { return run_into_files(words, directory_ + "/calls"); }
  // Ends with 0; the test fails otherwise. What it printed, without the last newline.
  std::string must(const Words& words) const;

  // Cgroups below the parent of this rig, in all hierarchies.
  std::vector<std::string> cgroups() const;
  // A file of a container's cgroup: `v1` in the hierarchy of `controller`, `v2` on a pure v2 host. The
  // container's cgroup is the one whose path has `id` in it.
  std::string cgroup_file(const std::string& id, const std::string& controller, const std::string& v1,
                          const std::string& v2) const;

 private:
  std::string directory_;
  std::string name_;
  HostPicture before_;
};
