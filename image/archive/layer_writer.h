// Writes the entries of one layer below a directory, by descriptors: no path with more than one component is
// ever given to the kernel and no symbolic link is ever followed. What an entry replaces is removed first
// (the last of several entries of one name wins); whiteouts are applied at the end, so that entries of the
// same layer win over them in whatever order they come.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): timespec

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/archive/entry_path.h"
#include "image/archive/limits.h"

namespace image {

inline constexpr mode_t kPermissions = 07777;  // of st_mode, chmod(2)

struct Entry {
  EntryPath path;
  mode_t mode = 0;  // type and permission bits; a hard link has hard_link set instead
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime = {};
  dev_t device = 0;
  std::string link_target;  // of a symbolic link, any bytes
  bool is_hard_link = false;
  EntryPath hard_link;  // the other name, within the layer
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// Of the extended attributes in archives only these reach the disk: user.* (but not overlayfs' own) and
// security.capability. trusted.overlay.redirect would show another directory's content, security.selinux is
// the host's business.
bool is_kept_xattr(const std::string& name);

class LayerWriter {
 public:
  // The caller's umask is 0.
  LayerWriter(Fd root, const Limits& limits) : limits_(limits) { open_.push_back({std::move(root), true}); }

  // Writes a file's content to the descriptor.
  using Content = std::function<Result<void>(int fd)>;
  // Errors: kInvalid for an entry that can't be (the text names it), kSystem. A failed layer is to be thrown
  // away.
  Result<void> add(const Entry& entry, const Content& content);
  Result<void> add_whiteout(const EntryPath& hidden);
  Result<void> add_opaque(const EntryPath& directory);
  // Whiteouts, then the times of directories. To be called once, at the end.
  Result<void> finish();

  // After finish(): directories to be marked opaque (that takes CAP_SYS_ADMIN, which the writer does not
  // have), and directories that no entry described, whose owner and mode are those of the layer below.
  const std::set<EntryPath>& opaque_directories() const { return opaque_; }
  const std::set<EntryPath>& implied_directories() const { return implied_; }
  // An entry took the place of an earlier one: the tree is less than the sum of its entries.
  bool has_replaced() const { return replaced_; }

 private:
  // The directory of the first `length` components, walked without links. kNotFound when it is not there and
  // `missing` is kFail; with kCreate it is made, and a symbolic link in the way becomes a directory, as it
  // would in the upper directory of an overlay. The descriptor is good until the next walk.
  enum class Missing { kFail, kCreate };
  Result<int> walk(const EntryPath& path, size_t length, Missing missing);
  // An open directory, and whether what is made in it may get another group than ours: it has the
  // set-group-ID bit, or (with the mount option bsdgroups) just another group.
  struct Directory {
    Fd fd;
    bool gives_group = true;
  };
  bool needs_owner(const Entry& entry) const {
    return entry.uid != 0 || entry.gid != 0 || open_.back().gives_group;
  }
  Result<Directory> enter(const EntryPath& path, size_t length, Missing missing);
  Result<void> add_directory(const Entry& entry);
  Result<void> add_file(const Entry& entry, int parent_fd, const Content& content);
  Result<void> add_symlink(const Entry& entry, int parent_fd);
  Result<void> add_node(const Entry& entry, int parent_fd);
  Result<void> add_hard_link(const Entry& entry);
  Result<void> apply_whiteout(const EntryPath& hidden);

  Limits limits_;
  // The directory that was used last and those above it: open_[i] is walked_[0..i). Entries come sorted by
  // directory in nearly all archives.
  std::vector<Directory> open_;
  EntryPath walked_;
  std::set<EntryPath> whiteouts_;
  std::set<EntryPath> opaque_;
  std::set<EntryPath> implied_;
  bool replaced_ = false;
  std::vector<std::pair<EntryPath, timespec>> directory_times_;
};

}  // namespace image
