// Mounts as the OCI spec lists them, parsed: what to mount, where, with which attributes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace namespaces {

// uid_map(5): `size` ids from `container_id` inside are `host_id`... outside.
struct IdMap {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;
};

// One entry of config.json's mounts[] (runtime-spec config.md "Mounts").
struct Mount {
  std::string destination;  // absolute, inside the container
  std::string type;         // "proc", "tmpfs", "bind", ...; a bind is also told by its options
  std::string source;
  std::vector<std::string> options;
  std::vector<IdMap> uid_maps;
  std::vector<IdMap> gid_maps;
};

// Of a file system, in order; an empty value is a flag.
using Parameters = std::vector<std::pair<std::string, std::string>>;

// The options of a Mount, taken apart (mount(8), runtime-spec "Linux mount options").
struct MountOptions {
  uint64_t set = 0;            // MOUNT_ATTR_* to set
  uint64_t clear = 0;          // MOUNT_ATTR_* to clear
  uint64_t recursive_set = 0;  // the same for the whole tree (rro, rnosuid, ...)
  uint64_t recursive_clear = 0;
  unsigned long propagation = 0;  // MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, with MS_REC
  bool bind = false;
  bool recursive_bind = false;
  bool copy_up = false;  // tmpcopyup: fill the tmpfs with what the image has there
  bool idmap = false;
  bool recursive_idmap = false;
  bool remount = false;               // change the mount that is there
  bool copy_symlink = false;          // a source that is a symbolic link is made anew inside, not followed
  bool source_nofollow = false;       // a source that is a symbolic link is mounted itself
  bool destination_nofollow = false;  // a destination that is a symbolic link is covered itself
  Parameters data;
};

// kInvalid for an option with an empty key or a NUL byte.
Result<MountOptions> parse_mount_options(const std::vector<std::string>& options);

// How mount(2) makes a new file system that is mounted as `options` say.
struct MountCall {
  unsigned long flags = 0;  // MS_*
  std::string data;         // "mode=755,size=65536k"
};
// Nothing where it can't: for a mount (not a file system, of which there may be more) that is read-only, for
// what is changed in the mount afterwards (propagation, recursive attributes), for a parameter with a comma,
// and for more than a page of them.
std::optional<MountCall> mount_call(const MountOptions& options);

}  // namespace namespaces
