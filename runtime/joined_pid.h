// What a start does differently when the container joins a pid namespace by path. Who is in there already,
// with CAP_SYS_PTRACE, may look into /proc/PID of every process that comes in (CVE-2016-9962): into its root,
// which is the host's while a rootfs is built. So the init builds from outside, and the container's process
// is born inside when nothing of the host's is left to be seen.
//
//   launcher                           init (outside)                process (inside)
//   opens the pid namespace, and procfs file systems inside of it
//   clone                              namespaces, rootfs, pivot
//                                      clone(CLONE_PARENT), _exit    tells that it is born
//   keeps its identity, tells its pid                                goes on with the init's steps
//
// One process more than other starts, three where procfs is mounted.
#pragma once

#include <string>

#include "base/step.h"

namespace runtime {

// Host lane: opens the pid namespace at `path` into context.pid_namespace_fd.
StepPtr open_pid_namespace_step(const std::string& path);

// Host lane, after it: fills context.proc_filesystems with `count` procfs of that pid namespace, not yet
// created. A procfs shows the pid namespace of whoever opened it, so a process must be in there for that. It
// has an empty root, no descriptors, and all other namespaces of its own. With `no_pivot` the empty root is
// by chroot(2) only, for hosts where pivot_root(2) does not work.
StepPtr open_joined_procfs_step(size_t count, bool no_pivot);

// Init lane, right after the pivot: only the process inside comes back from it, as the launcher's child, with
// its pid on the host in context.init_pid. Keeps the descriptors that later steps need, 0, 1, 2 and
// `preserve_fds` more. For a moment both count in pids.max.
StepPtr be_born_inside_step(unsigned preserve_fds);

}  // namespace runtime
