// Labels of the kernel's security modules: the AppArmor profile and the SELinux label that the container's
// program gets at execve(2). Only for who asks for one: without the module that is an error, never ignored.
#pragma once

#include <string>

#include "base/step.h"

namespace security {

// Host lane: sees that AppArmor is enabled, before anything is made. perform: kUnsupported, naming `profile`.
StepPtr check_apparmor_step(const std::string& profile);
// Init lane: the profile that execve(2) changes to, written through context.proc_fd. perform: kNotFound when
// the profile is not loaded. Documentation/admin-guide/LSM/apparmor.rst, proc_pid_attr(5).
StepPtr apparmor_profile_step(const std::string& profile);

// The same for SELinux. `member` is what asks for it in config.json: "selinuxLabel" or "mountLabel".
StepPtr check_selinux_step(const std::string& member, const std::string& label);
StepPtr selinux_label_step(const std::string& label);

}  // namespace security
