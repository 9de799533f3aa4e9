#include "engine/filter_cache.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/stat.h>

#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/syscalls.h"

namespace engine {

namespace {

constexpr uint32_t kMagic = 0x4c414956;  // "VIAL"
constexpr const char* kNames[] = {"deny-list", "allow-list"};

// What the file was made from. It is compared as a whole, so that a file of another program or kernel is no
// hit.
struct Key {
  uint32_t magic = kMagic;
  uint32_t kernel_major = 0;
  uint32_t kernel_minor = 0;
  uint32_t deny_bytes = 0;
  uint64_t capabilities = 0;
  // The program that compiled: a new build has another inode, size or time.
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_s = 0;
  int64_t modified_ns = 0;
};

std::optional<Key> key_of(const security::ProfileFacts& facts) {
  struct stat self = {};
  if (::stat("/proc/self/exe", &self) < 0) return std::nullopt;
  Key key;
  key.kernel_major = facts.kernel_major;
  key.kernel_minor = facts.kernel_minor;
  key.capabilities = facts.capabilities;
  key.device = self.st_dev;
  key.inode = self.st_ino;
  key.size = self.st_size;
  key.modified_s = self.st_mtim.tv_sec;
  key.modified_ns = self.st_mtim.tv_nsec;
  return key;
}

std::vector<security::FilterProgram> read_cache(const std::string& path, Key expected) {
  const auto content = read_file(path);
  Key key;
  if (!content || content->size() <= sizeof key) return {};
  std::memcpy(&key, content->data(), sizeof key);
  expected.deny_bytes = key.deny_bytes;
  const size_t programs = content->size() - sizeof key;
  constexpr size_t kInstruction = sizeof(sock_filter);
  const bool is_whole =
      programs % kInstruction == 0 && key.deny_bytes % kInstruction == 0 && key.deny_bytes < programs;
  if (std::memcmp(&key, &expected, sizeof key) != 0 || !is_whole) return {};
  std::vector<security::FilterProgram> filters(2);
  filters[0].name = kNames[0];
  filters[0].bytes = content->substr(sizeof key, key.deny_bytes);
  filters[1].name = kNames[1];
  filters[1].bytes = content->substr(sizeof key + key.deny_bytes);
  return filters;
}

}  // namespace

Result<std::vector<security::FilterProgram>> builtin_filters(const security::ProfileFacts& facts,
                                                             const std::string& directory) {
  const auto key = key_of(facts);
  const std::string path = directory + "/" + std::to_string(facts.capabilities) + ".bpf";
  if (key) {
    auto cached = read_cache(path, *key);
    if (!cached.empty()) return cached;
  }
  std::vector<security::FilterProgram> filters;
  filters.push_back(TRY(security::compile_filter(security::deny_filter(facts.capabilities))));
  filters.push_back(TRY_IN("seccomp profile", security::compile_filter(security::default_filter(facts))));
  const bool is_plain = filters[0].flags == 0 && filters[1].flags == 0;
  if (!key || !is_plain) return filters;
  for (size_t i = 0; i < filters.size(); ++i)
    filters[i].name = kNames[i];
  Key stored = *key;
  stored.deny_bytes = static_cast<uint32_t>(filters[0].bytes.size());
  std::string content(sizeof stored, '\0');
  std::memcpy(content.data(), &stored, sizeof stored);
  content += filters[0].bytes + filters[1].bytes;
  if (make_directories(directory)) (void)replace_file(path, content);
  return filters;
}

}  // namespace engine
