#include "engine/mount_points.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "base/units.h"
#include "engine/names.h"
#include "namespaces/rootfs.h"

namespace engine {

namespace {

const std::set<std::string>& propagations() {
  static const std::set<std::string> words = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};
  return words;
}

std::string absolute(const std::string& path, const std::string& working_directory) {
  return namespaces::clean_path(path.starts_with('/') ? path : working_directory + "/" + path);
}

Result<std::string> check_destination(const std::string& path, const std::string& spec) {
  if (!path.starts_with('/')) {
    return invalid("invalid mount config: '" + spec + "': mount path must be absolute: '" + path + "'");
  }
  std::string clean = namespaces::clean_path(path);
  if (clean == "/") return invalid("invalid specification: destination can't be '/'");
  return clean;
}

// The third part of -v.
Result<void> apply_volume_options(const std::string& options, MountPoint& mount) {
  static const std::set<std::string> ignored = {"rw", "z", "Z", "cached", "delegated", "consistent", ""};
  std::set<std::string> seen;
  for (const auto& option : split(options, ',')) {
    if (!seen.insert(option).second) return invalid("invalid mode: " + options);
    if (option == "ro") {
      mount.read_only = true;
    } else if (option == "nocopy") {
      mount.no_copy = true;
    } else if (propagations().contains(option) && mount.propagation.empty()) {
      mount.propagation = option;
    } else if (!ignored.contains(option)) {
      return invalid("invalid mode: " + options);
    }
  }
  if (seen.contains("ro") && seen.contains("rw")) return invalid("invalid mode: " + options);
  mount.mode = options;
  return ok();
}

Result<bool> parse_bool(const std::string& text, const std::string& key) {
  const std::string word = to_lower(text);
  if (word.empty() || word == "1" || word == "true" || word == "t") return true;
  if (word == "0" || word == "false" || word == "f") return false;
  return invalid("invalid value for " + key + ": " + text);
}

// The fields of one line of CSV (RFC 4180), as --mount is read.
Result<std::vector<std::string>> csv_fields(const std::string& text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && (quoted || fields.back().empty())) {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        fields.back() += text[++i];
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return invalid("invalid mount: a quote is not closed: " + text);
  return fields;
}

struct MountField {
  std::string key;
  std::string value;
  bool has_value = false;
};

Result<void> apply_bind_recursive(const std::string& value, MountPoint& mount) {
  if (value == "disabled") {
    mount.options.emplace_back("nonrecursive");
  } else if (value == "writable") {
    mount.shallow_read_only = true;
  } else if (value != "enabled" && value != "readonly") {
    return invalid("invalid value for bind-recursive: " + value +
                   " (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")");
  }
  return ok();
}

Result<void> apply_typed_field(const MountField& field, MountPoint& mount) {
  const std::string& key = field.key;
  if (key == "bind-propagation") {
    if (!propagations().contains(field.value)) return invalid("invalid propagation: " + field.value);
    mount.propagation = field.value;
  } else if (key == "bind-recursive") {
    return apply_bind_recursive(field.value, mount);
  } else if (key == "bind-create-src") {
    mount.create_host = TRY(parse_bool(field.value, key));
  } else if (key == "volume-nocopy") {
    mount.no_copy = TRY(parse_bool(field.value, key));
  } else if (key == "tmpfs-size") {
    const int64_t bytes = TRY(parse_size(field.value));
    mount.options.push_back("size=" + std::to_string(bytes));
  } else if (key == "tmpfs-mode") {
    if (field.value.empty() || field.value.find_first_not_of("01234567") != std::string::npos)
      return invalid("invalid value for tmpfs-mode: " + field.value);
    mount.options.push_back("mode=" + field.value);
  } else {
    return invalid("unexpected key '" + key + "' in '" + key + "=" + field.value + "'");
  }
  return ok();
}

Result<void> apply_mount_field(const MountField& field, MountPoint& mount) {
  const std::string& key = field.key;
  if (key == "readonly" || key == "ro") {
    mount.read_only = TRY(parse_bool(field.value, key));
    return ok();
  }
  if (!field.has_value && key != "volume-nocopy" && key != "bind-create-src")
    return invalid("invalid field '" + key + "' must be a key=value pair");
  if (key == "type") {
    mount.type = to_lower(field.value);
  } else if (key == "source" || key == "src") {
    mount.source = field.value;
  } else if (key == "target" || key == "dst" || key == "destination") {
    mount.destination = field.value;
  } else if (key != "consistency") {
    return apply_typed_field(field, mount);
  }
  return ok();
}

// Options that belong to another type than the one given.
Result<void> check_mount_type(const MountPoint& mount) {
  const bool is_tmpfs = mount.type == "tmpfs";
  if (mount.type != "bind" && mount.type != "volume" && !is_tmpfs)
    return invalid("invalid mount type \"" + mount.type + "\": must be bind, volume or tmpfs");
  if (mount.destination.empty()) return invalid("invalid mount config: target is required");
  if (mount.type == "bind" && mount.source.empty())
    return invalid("invalid mount config for type \"bind\": field Source must not be empty");
  if (is_tmpfs && !mount.source.empty())
    return invalid("invalid mount config for type \"tmpfs\": field Source must not be specified");
  if (!mount.propagation.empty() && mount.type != "bind")
    return invalid("cannot mix 'bind-*' options with mount type '" + mount.type + "'");
  if (mount.no_copy && mount.type != "volume")
    return invalid("cannot mix 'volume-*' options with mount type '" + mount.type + "'");
  return ok();
}

size_t depth(const std::string& path) {
  return static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
}

}  // namespace

Result<void> check_volume_name(const std::string& name) {
  if (check_name(name)) return ok();
  return invalid(
      "create " + name + ": \"" + name +
      "\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are "
      "allowed. If you intended to pass a host directory, use absolute path");
}

Result<MountPoint> parse_volume(const std::string& text, const std::string& working_directory) {
  const auto parts = split(text, ':');
  for (const auto& part : parts) {
    if (part.empty()) return invalid("invalid spec: " + text + ": empty section between colons");
  }
  if (parts.size() > 3) return invalid("invalid volume specification: '" + text + "'");
  MountPoint mount;
  mount.type = "volume";
  if (parts.size() == 1) {
    mount.anonymous = true;
    mount.destination = TRY(check_destination(parts[0], text));
    return mount;
  }
  mount.destination = TRY(check_destination(parts[1], text));
  if (parts.size() == 3) TRY(apply_volume_options(parts[2], mount));
  if (contains(parts[0], "/") || parts[0].starts_with('.') || parts[0].starts_with('~')) {
    if (!parts[0].starts_with('/') && !parts[0].starts_with('.')) TRY(check_volume_name(parts[0]));
    mount.type = "bind";
    mount.source = absolute(parts[0], working_directory);
    mount.create_host = true;
    return mount;
  }
  TRY(check_volume_name(parts[0]));
  mount.name = parts[0];
  return mount;
}

Result<MountPoint> parse_mount(const std::string& text, const std::string& working_directory) {
  MountPoint mount;
  mount.type = "volume";
  const auto fields = TRY(csv_fields(text));
  for (const auto& field : fields) {
    const size_t equals = field.find('=');
    const bool has_value = equals != std::string::npos;
    const MountField parsed = {to_lower(field.substr(0, equals)), has_value ? field.substr(equals + 1) : "",
                               has_value};
    TRY(apply_mount_field(parsed, mount));
  }
  TRY(check_mount_type(mount));
  mount.destination = TRY(check_destination(mount.destination, text));
  if (mount.type == "bind") {
    mount.source = absolute(mount.source, working_directory);
  } else if (mount.type == "volume") {
    mount.anonymous = mount.source.empty();
    if (!mount.anonymous) TRY(check_volume_name(mount.source));
    mount.name = std::exchange(mount.source, "");
  }
  return mount;
}

Result<MountPoint> parse_tmpfs(const std::string& text) {
  const size_t colon = text.find(':');
  MountPoint mount;
  mount.type = "tmpfs";
  mount.destination = TRY(check_destination(text.substr(0, colon), text));
  if (colon == std::string::npos) return mount;
  mount.mode = text.substr(colon + 1);
  for (const auto& option : split(mount.mode, ',')) {
    if (option == "ro") mount.read_only = true;
    if (!option.empty() && option != "ro" && option != "rw") mount.options.push_back(option);
  }
  return mount;
}

Result<std::vector<MountPoint>> collect_mounts(const RunRequest& request,
                                               const std::vector<std::string>& image_volumes,
                                               const std::string& working_directory) {
  std::vector<MountPoint> mounts;
  for (const auto& text : request.volumes)
    mounts.push_back(TRY(parse_volume(text, working_directory)));
  for (const auto& text : request.mounts)
    mounts.push_back(TRY(parse_mount(text, working_directory)));
  for (const auto& text : request.tmpfs)
    mounts.push_back(TRY(parse_tmpfs(text)));
  std::set<std::string> destinations;
  for (const auto& mount : mounts) {
    if (!destinations.insert(mount.destination).second)
      return invalid("Duplicate mount point: " + mount.destination);
  }
  for (const auto& path : image_volumes) {
    MountPoint mount;
    mount.type = "volume";
    mount.anonymous = true;
    // An image may say anything, "/../../x" and "/" too (CVE-2022-23648).
    mount.destination = TRY_IN("volume of the image", check_destination(path, path));
    if (destinations.insert(mount.destination).second) mounts.push_back(std::move(mount));
  }
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const auto& a, const auto& b) { return depth(a.destination) < depth(b.destination); });
  return mounts;
}

}  // namespace engine
