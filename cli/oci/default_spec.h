// The config.json that `spec` writes: a shell in rootfs/, with what every container has and no more.
#pragma once

#include <sys/types.h>

#include "runtime/spec.h"

namespace cli::oci {

struct DefaultSpecFacts {
  bool rootless = false;  // a user namespace in which the caller is root
  bool pure_v2 = false;   // then the container has a cgroup namespace, too
  uid_t uid = 0;
  gid_t gid = 0;
};

// Pure; mounts, masks and limits are runc's.
runtime::Spec default_spec(const DefaultSpecFacts& facts);

}  // namespace cli::oci
