// `-u`: from a user's or group's name or number to ids, by the container's own /etc/passwd and /etc/group.
// Pure: the caller brings the texts. Both are hostile: CVE-2024-40635 and its kin made root of numbers that
// overflowed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace engine {

struct ContainerUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;  // the primary first, as CVE-2022-36109 taught
  std::string home = "/";
};

struct AccountFiles {
  std::string passwd;  // empty: the image has none
  std::string group;
};

// `user` is "", NAME, UID, or one of these with ":GROUP" or ":GID"; all digits is a number, never a name;
// numbers are 0..2^31-1. Groups of the user count unless a group is given; `group_add` always. Errors:
// kInvalid, in Docker's words ("unable to find user x: no matching entries in passwd file"), and for a line
// that is selected but has a bad number.
Result<ContainerUser> find_user(const std::string& user, const std::vector<std::string>& group_add,
                                const AccountFiles& files);

}  // namespace engine
