// Whole files: read, write, replace atomically, remove trees. Paths are the host's and ours (state
// directories, /proc, /sys): anything below a container's root goes through namespaces/rootfs, which resolves
// inside that root.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

inline constexpr size_t kMaxStateFile = 16U << 20U;  // bytes; no file of ours or of an OCI bundle is larger

// The content of a regular file or a /proc, /sys file. kInvalid if it is longer than `limit` bytes.
Result<std::string> read_file(const std::string& path, size_t limit = kMaxStateFile);
Result<std::string> read_fd(int fd, size_t limit = kMaxStateFile);

// Writes all bytes, however many write(2) calls that takes.
Result<void> write_all(int fd, std::string_view bytes);

// Opens an existing file (a cgroup's, a sysctl) and writes `text` in one write(2), as kernel files want it.
Result<void> write_kernel_file(const std::string& path, std::string_view text);
Result<void> write_kernel_file_at(int dir_fd, const char* name, std::string_view text);

enum class Durable { kNo, kYes };
// Replaces `path` by a file with this content: temporary name in the same directory, fsync if durable,
// rename. A kill or a full disk at any point leaves the old content or the new one; a temporary file
// ".NAME.tmp.PID" may stay until remove_stale_temporaries(). Errors: kSystem.
Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode = 0600,
                          Durable durable = Durable::kNo);

// Creates a file that must not exist yet, with this content. kConflict if it exists.
Result<void> create_file(const std::string& path, std::string_view content, mode_t mode = 0600);

bool path_exists(const std::string& path);
// True for a directory (not a link to one) that is ours and that nobody else may write: what is in it is what
// we put there. Where the directory above is everybody's (/tmp), another user may have made one of this name.
bool is_private_directory(const std::string& path);
// mkdir -p; existing directories keep their mode.
Result<void> make_directories(const std::string& path, mode_t mode = 0700);
// The names in a directory, sorted, without "." and "..". kNotFound if there is no such directory.
Result<std::vector<std::string>> list_directory(const std::string& path);
// rm -rf by descriptors: follows no link and crosses no mount. A path that does not exist is success.
Result<void> remove_tree(const std::string& path);
// Bytes that the tree below `path` occupies on disk (st_blocks), hard links counted once.
Result<uint64_t> tree_size(const std::string& path);
