// What a test may not leave behind: a picture of everything that vial makes on a host, and the difference of
// two. The test program has a mount namespace and a /tmp of its own and adopts orphans, so that what it sees
// is its own doing, whatever else this machine is busy with.
#pragma once

#include <set>
#include <string>
#include <vector>

// Own mount namespace (its mounts shared among themselves, so that a mount that propagates out of a container
// is seen), own /tmp with only what of `used` lies in it, adoption of orphans. Once a program; later calls do
// nothing.
void isolate_test_program(const std::vector<std::string>& used);

class HostPicture {
 public:
  // Mounts, cgroups of vial in every hierarchy, all names in /tmp (with the data and run roots, which are
  // there).
  static HostPicture take(const std::vector<std::string>& roots);
  // Lines "+ thing" and "- thing": what `later` has more and less. Empty when nothing changed.
  std::string difference(const HostPicture& later) const;

 private:
  std::set<std::string> things_;
};

// Reaps adopted children; the command lines of those that still live.
std::string living_children();

// Waits at most `seconds` until the host looks as in `before` and no child lives; what is left then.
std::string leaks_since(const HostPicture& before, const std::vector<std::string>& roots, int seconds);
