// The steps that load seccomp filters into the container's process. All parsing and compiling happened in
// security/filter; loading is one system call a filter.
//
// Where it stands in the plan: without no_new_privs the kernel wants CAP_SYS_ADMIN, so the filters come
// before capabilities and ids are given up, and must allow what follows: capset, prctl, setgroups, setresgid,
// setresuid, umask, sendmsg, recvmsg, for `create` accept4, dup3 and close, execve, exit_group. With
// no_new_privs they are the last steps before execve, which is all that must be allowed. Filters stack and
// the strictest answer counts, so a deny filter is loaded before the allow-list that may deny seccomp(2)
// itself.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "base/step.h"
#include "security/filter.h"

namespace security {

// What the agent behind a listener socket is told about the container (runtime-spec config-linux.md "The
// Container Process State").
struct ListenedContainer {
  std::string id;
  std::string bundle;
  std::string oci_version;
  std::map<std::string, std::string> annotations = {};
  std::string status = "creating";
  pid_t init_pid = 0;  // of a container that exists already; 0: who loads the filter is its init
};

// Host lane, before clone: connects to the agent's unix socket, whose path is the host's, and leaves it in
// context.seccomp_agent_fd. perform: kNotFound when nobody listens. seccomp_unotify(2), unix(7).
StepPtr connect_seccomp_agent_step(std::string socket_path);

// Init lane, first thing: context.init_pid becomes the pid by which the host knows the init, which only the
// host's procfs tells from inside a pid namespace. For the state that the agent gets. proc(5), /proc/self.
StepPtr learn_host_pid_step();

// Init lane: loads the program. When it has a listener_path the notification descriptor is sent through
// context.seccomp_agent_fd with the container process state; the filter must not notify on sendmsg(2) then,
// which compile_filter() refuses, as nobody could answer yet. perform: kSystem EACCES without no_new_privs
// and CAP_SYS_ADMIN, EINVAL for flags that the kernel does not know. The pid in the state is
// context.init_pid, from learn_host_pid_step().
StepPtr seccomp_step(FilterProgram program, const ListenedContainer& container = {});

}  // namespace security
