// Protecting vial's own executable from containers (CVE-2019-5736).
#pragma once

namespace runtime {

// Runs this program again from a read-only view of its file that is mounted nowhere, unless it runs from a
// read-only mount already: a container that gets hold of /proc/PID/exe (an entrypoint "#!/proc/self/exe", a
// process that watches an exec come in) can't write through it. To be called first thing in main by commands
// that put a process into a container. Returns when it is done, or when the kernel refuses (then nothing has
// changed). The path of the real file is left in the environment variable VIAL_EXECUTABLE. open_tree(2),
// mount_setattr(2), execveat(2).
void run_sealed(char** argv);

}  // namespace runtime
