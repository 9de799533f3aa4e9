// Protecting vial's own executable from containers (CVE-2019-5736).
#pragma once

#include <sys/types.h>

#include "base/result.h"

namespace runtime {

// Runs this program again from a read-only view of its file that is mounted nowhere, unless it runs from a
// read-only mount already: a container that gets hold of /proc/PID/exe (an entrypoint "#!/proc/self/exe", a
// process that watches an exec come in) can't write through it. To be called first thing in main by commands
// that put a process into a container. Returns when it is done, or when the kernel refuses (then nothing has
// changed). The path of the real file is left in the environment variable VIAL_EXECUTABLE. open_tree(2),
// mount_setattr(2), execveat(2).
void run_sealed(char** argv);

// For the first line of main. An image can name /proc/self/exe as its program, and then the container's pid 1
// is this file, with words of the image's choice. Whoever else is inside could open it through /proc/1/exe,
// hand the descriptor to a container that lives longer, and write to the file when nobody executes it any
// more. So a pid 1 shows its /proc entries to CAP_SYS_PTRACE alone, and those who have that run sealed.
// ptrace(2), PR_SET_DUMPABLE(2const). (Root of a user namespace does not own such an entry: as pid 1 of one
// it makes no further user namespaces.)
void hide_first_process();

// For whoever lets more processes in to the first one of a container: kConflict when that is our own file,
// and not behind a read-only mount.
Result<void> check_first_process(pid_t pid);

}  // namespace runtime
