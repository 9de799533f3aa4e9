#include "runtime/spec_read.h"

#include <array>
#include <string_view>

#include "base/strings.h"
#include "runtime/spec_members.h"

namespace runtime {
namespace {

// Semantic versioning 2.0.0: three numbers, then "-dev", "-rc.1" or "+build", which change nothing for us.
Result<std::string> read_version(const JsonView& document) {
  const auto member = TRY(document.at("ociVersion"));
  const std::string version = TRY(member.string());
  const std::string_view core = std::string_view(version).substr(0, version.find_first_of("-+"));
  const auto numbers = split(core, '.');
  const std::string shown = "\"" + printable(version) + "\"";
  if (numbers.size() != 3) return member.wrong(shown + " is not a version like " + kSpecVersion);
  for (const auto& number : numbers) {
    if (!parse_uint(number)) return member.wrong(shown + " is not a version like " + kSpecVersion);
  }
  const uint64_t major = TRY(parse_uint(numbers.front()));
  if (major != 1) {
    return unsupported(member.pointer() + ": version " + shown + " is not supported; this runtime reads 1.x");
  }
  return version;
}

// Since 1.3 a limit of no processes is one (config-linux.md "PIDs"); before, and in what runc's callers
// write, 0 is no limit. The container's first process is there by then: 1 lets it be, and no other begin.
void settle_pids_limit(const std::string& version, cgroups::Resources& resources) {
  constexpr uint64_t kFirst = 3;
  if (resources.pids_limit == 0 && parse_uint(split(version, '.')[1]).value_or(0) >= kFirst)
    resources.pids_limit = 1;
}

Result<Root> read_root(const JsonView& document) {
  Root root;
  const auto view = TRY(object_member(document, "root"));
  if (!view) return root;
  root.path = TRY(required_string(*view, "path"));
  root.readonly = TRY(view->boolean_or("readonly", false));
  return root;
}

// "0-1000-10#10-2000-5": from which id on the disk, to which of the host's, how many.
Result<std::vector<namespaces::IdMap>> parse_id_ranges(const std::string& text) {
  std::vector<namespaces::IdMap> maps;
  for (const auto& range : split(text, '#')) {
    const auto numbers = split(range, '-');
    if (numbers.size() != 3) return invalid("\"" + printable(range) + "\" is not FROM-TO-LENGTH");
    std::array<uint32_t, 3> values = {};
    for (size_t i = 0; i < values.size(); ++i) {
      const uint64_t number = TRY(parse_uint(numbers[i]));
      if (number > UINT32_MAX) return invalid("\"" + printable(range) + "\" is no range of ids");
      values[i] = static_cast<uint32_t>(number);
    }
    maps.push_back({values[0], values[1], values[2]});
  }
  return maps;
}

// crun's spelling of a mount's own maps, which podman's users type: "idmap=uids=0-1000-10;gids=0-1000-10".
Result<void> read_idmap_option(namespaces::Mount& mount, std::string& option) {
  const size_t equals = option.find('=');
  const std::string name = option.substr(0, equals);
  if (equals == std::string::npos || (name != "idmap" && name != "ridmap")) return ok();
  for (const auto& part : split(option.substr(equals + 1), ';')) {
    const bool is_uids = part.starts_with("uids=");
    if (!is_uids && !part.starts_with("gids=")) {
      return invalid("\"" + printable(option) + "\" is not " + name + "=uids=FROM-TO-LENGTH;gids=...");
    }
    (is_uids ? mount.uid_maps : mount.gid_maps) = TRY(parse_id_ranges(part.substr(5)));
  }
  option = name;
  return ok();
}

Result<namespaces::Mount> read_mount(const JsonView& view) {
  namespaces::Mount mount;
  const auto destination = TRY(view.at("destination"));
  mount.destination = TRY(destination.string());
  if (mount.destination.empty()) return destination.wrong("empty");
  // Deprecated, but a relative destination has a meaning: it starts at the container's root.
  if (mount.destination.front() != '/') mount.destination.insert(0, "/");
  mount.type = TRY(view.string_or("type", ""));
  mount.source = TRY(view.string_or("source", ""));
  mount.options = TRY(view.strings_or_empty("options"));
  mount.uid_maps = TRY(read_list(view, "uidMappings", read_id_map));
  mount.gid_maps = TRY(read_list(view, "gidMappings", read_id_map));
  for (auto& option : mount.options)
    TRY_IN(view.pointer() + "/options", read_idmap_option(mount, option));
  return mount;
}

Result<Hook> read_hook(const JsonView& view) {
  Hook hook;
  hook.path = TRY(required_string(view, "path"));
  hook.args = TRY(view.strings_or_empty("args"));
  hook.env = TRY(view.strings_or_empty("env"));
  if (const auto timeout = view.find("timeout")) {
    hook.timeout_s = TRY(timeout->integer());
    if (*hook.timeout_s <= 0) return timeout->wrong("not above zero");
  }
  return hook;
}

Result<Hooks> read_hooks(const JsonView& document) {
  Hooks hooks;
  const auto view = TRY(object_member(document, "hooks"));
  if (!view) return hooks;
  for (const auto& [key, list] : kHookLists)
    hooks.*list = TRY(read_list(*view, key, read_hook));
  return hooks;
}

}  // namespace

Result<Spec> read_spec(const Json& document) {
  const JsonView view(document);
  if (!view.is_object()) return view.wrong("not an object");
  Spec spec;
  spec.oci_version = TRY(read_version(view));
  if (const auto process = view.find("process")) spec.process = TRY(read_process(*process));
  spec.root = TRY(read_root(view));
  spec.hostname = TRY(view.string_or("hostname", ""));
  spec.domainname = TRY(view.string_or("domainname", ""));
  spec.mounts = TRY(read_list(view, "mounts", read_mount));
  spec.hooks = TRY(read_hooks(view));
  spec.annotations = TRY(string_map(view, "annotations"));
  if (const auto os = view.find("linux")) spec.os = TRY(read_linux(*os));
  settle_pids_limit(spec.oci_version, spec.os.resources);
  return spec;
}

}  // namespace runtime
