#include <array>
#include <string_view>

#include "base/mount_api.h"
#include "base/strings.h"
#include "namespaces/mounts.h"

namespace namespaces {
namespace {

// A per-mount attribute by its mount(8) name. `r` + name is the recursive form (runtime-spec "Linux mount
// options").
struct AttributeOption {
  std::string_view name;
  uint64_t set;
  uint64_t clear;
};
constexpr auto kAttributeOptions = std::to_array<AttributeOption>({
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    // The access-time setting is one field of the attributes: set one value, clear the whole field.
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
});

// The attributes of a new mount that are flags of mount(2), too.
struct AttributeFlag {
  uint64_t attribute;
  unsigned long flag;
};
constexpr auto kFlags = std::to_array<AttributeFlag>({
    {MOUNT_ATTR_NOSUID, MS_NOSUID},
    {MOUNT_ATTR_NODEV, MS_NODEV},
    {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
    {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},
    {MOUNT_ATTR_NOATIME, MS_NOATIME},
    {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
    {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
});

struct PropagationOption {
  std::string_view name;
  unsigned long flag;
};
constexpr auto kPropagations = std::to_array<PropagationOption>({
    {"shared", MS_SHARED},
    {"slave", MS_SLAVE},
    {"private", MS_PRIVATE},
    {"unbindable", MS_UNBINDABLE},
});

const AttributeOption* find_mount_attribute(std::string_view name) {
  for (const auto& attribute : kAttributeOptions) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

bool apply_attribute(std::string_view option, MountOptions& result) {
  const AttributeOption* attribute = find_mount_attribute(option);
  const bool recursive = attribute == nullptr && option.front() == 'r';
  if (recursive) attribute = find_mount_attribute(option.substr(1));
  if (attribute == nullptr) return false;
  uint64_t& set = recursive ? result.recursive_set : result.set;
  uint64_t& clear = recursive ? result.recursive_clear : result.clear;
  // The last of two that contradict each other wins, as with mount(8).
  set = (set & ~attribute->clear) | attribute->set;
  clear = (clear & ~attribute->set) | attribute->clear;
  return true;
}

bool apply_propagation(std::string_view option, MountOptions& result) {
  for (const auto& propagation : kPropagations) {
    const bool recursive = option.front() == 'r' && option.substr(1) == propagation.name;
    if (option != propagation.name && !recursive) continue;
    result.propagation = propagation.flag | (recursive ? static_cast<unsigned long>(MS_REC) : 0UL);
    return true;
  }
  return false;
}

bool apply_switch(std::string_view option, MountOptions& result) {
  for (const std::string_view nothing :
       {"defaults", "async", "nolazytime", "nomand", "loud", "silent", "noiversion"}) {
    if (option == nothing) return true;
  }
  if (option == "bind") return result.bind = true;
  if (option == "rbind") return result.bind = result.recursive_bind = true;
  if (option == "tmpcopyup") return result.copy_up = true;
  if (option == "idmap") return result.idmap = true;
  if (option == "remount") return result.remount = true;
  // crun's.
  if (option == "copy-symlink") return result.copy_symlink = true;
  if (option == "src-nofollow") return result.source_nofollow = true;
  if (option == "dest-nofollow") return result.destination_nofollow = true;
  if (option == "ridmap") return result.idmap = result.recursive_idmap = true;
  return false;
}

}  // namespace

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options) {
  MountOptions result;
  for (const auto& option : options) {
    if (option.empty()) continue;
    if (option.find('\0') != std::string::npos) return invalid("mount option has a NUL byte");
    const size_t equals = option.find('=');
    if (equals == std::string::npos && (apply_attribute(option, result) || apply_switch(option, result) ||
                                        apply_propagation(option, result))) {
      continue;
    }
    if (equals == 0) return invalid("mount option \"" + printable(option) + "\" has no name");
    const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
    result.data.emplace_back(option.substr(0, equals), value);
  }
  return result;
}

std::optional<MountCall> mount_call(const MountOptions& options) {
  constexpr size_t kPage = 4096;
  if (options.propagation != 0 || options.recursive_set != 0 || options.recursive_clear != 0)
    return std::nullopt;
  MountCall call;
  uint64_t left = options.set;
  for (const auto& [attribute, flag] : kFlags) {
    if ((left & attribute) != 0) call.flags |= flag;
    left &= ~attribute;
  }
  if (left != 0) return std::nullopt;
  for (const auto& [key, value] : options.data) {
    if (contains(key, ",") || contains(value, ",")) return std::nullopt;
    if (!call.data.empty()) call.data += ',';
    call.data += value.empty() ? key : key + "=" + value;
  }
  if (call.data.size() >= kPage) return std::nullopt;
  return call;
}

}  // namespace namespaces
