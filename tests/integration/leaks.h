// What a test may not leave behind: a picture of everything that vial makes on a host, and the difference of
// two. The test program has a mount namespace and a /tmp of its own and adopts orphans, so that what it sees
// is its own doing, whatever else this machine is busy with.
#pragma once

#include <set>
#include <string>
#include <vector>

// Own mount namespace (its mounts shared among themselves, so that a mount that propagates out of a container
// is seen; those of other tests in /tmp are not in it), own /tmp with only what of `used` lies in it,
// adoption of orphans. Once a program; later calls do nothing.
void isolate_test_program(const std::vector<std::string>& used);

class HostPicture {
 public:
  // Mounts, all names in /tmp, and all files below `roots`.
  static HostPicture take(const std::vector<std::string>& roots);
  // The same and the cgroups of vial in every hierarchy, for tests of vial itself: while those of others come
  // and go nobody can tell whose they are.
  static HostPicture with_cgroups(const std::vector<std::string>& roots);
  // A picture of the same things now.
  HostPicture again() const;
  // Lines "+ thing" and "- thing": what `later` has more and less. Empty when nothing changed.
  std::string difference(const HostPicture& later) const;

 private:
  std::vector<std::string> roots_;
  bool has_cgroups_ = false;
  std::set<std::string> things_;
};

// Reaps adopted children; the command lines of those that still live.
std::string living_children();

// Waits at most `seconds` until the host looks as in `before` and no child lives; what is left then.
std::string leaks_since(const HostPicture& before, int seconds);
