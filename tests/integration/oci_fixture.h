// A bundle of its own for one test, and the OCI runtime that is to run it: vial-oci, or the program that
// VIAL_OCI_RUNTIME names, so that a test can first be shown true with runc and crun. When the test ends, no
// cgroup, mount, process or file of the container may be left.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "tests/integration/leaks.h"
#include "tests/integration/vial_fixture.h"

// The runtime's path, and its name without the directory ("vial-oci", "runc").
std::string oci_runtime();
std::string oci_runtime_name();
// What the specification demands and older runtimes do not do is asked of vial-oci alone.
bool is_vial_oci();

// Runs argv[0] (a path or a name in PATH) with stdin empty, stdout and stderr in new files of `directory`,
// called FILE.out and FILE.err, and waits for that process only: what inherits the files, as a container
// does, may live on.
Outcome run_into_files(const Words& argv, const std::string& directory, const std::string& file = "");

class OciBundle {
 public:
  OciBundle();
  ~OciBundle();
  OciBundle(const OciBundle&) = delete;
  OciBundle& operator=(const OciBundle&) = delete;

  // The config.json of the next create or run: busybox, all namespaces but user and time, the usual mounts,
  // three capabilities, an own cgroup. The probe is /probe.
  Json spec;

  const std::string& id() const { return id_; }
  const std::string& directory() const { return directory_; }
  std::string bundle() const { return directory_ + "/bundle"; }
  std::string rootfs(const std::string& path = "") const { return bundle() + "/rootfs" + path; }

  // RUNTIME --root STATE WORDS...
  Words command_line(const Words& words) const;
  Outcome call(const Words& words) const;
  void write_config() const;

  // `run`: the process's words are `args` unless that is empty.
  Outcome run(const Words& args = {}, const Words& options = {});
  Outcome shell(const std::string& script) { return run({"sh", "-c", script}); }
  // What the probe printed; the test fails unless it ended with 0.
  Json report(const Words& arguments = {});

  // `create`; the container's output is read by output().
  Outcome create(const Words& args = {}, const Words& options = {});
  Outcome start() const { return call({"start", id_}); }
  // create and start, both of which must succeed.
  void launch(const Words& args);
  std::string output() const;

  // `state`: null when there is none.
  Json state() const;
  std::string status() const;
  // Whether the status becomes this within a few seconds.
  bool becomes(const std::string& status) const;
  // Kills and deletes; the test fails unless the container is then unknown.
  void remove() const;

  // Directories named after this container in every mounted hierarchy.
  std::vector<std::string> cgroups() const;

 private:
  std::string directory_;
  std::string id_;
  HostPicture before_;
};
