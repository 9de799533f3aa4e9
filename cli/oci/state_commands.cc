// state, list, ps: what there is.
#include <unistd.h>

#include <algorithm>

#include "base/json.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/units.h"
#include "cgroups/group.h"
#include "cli/oci/call.h"
#include "cli/output.h"
#include "runtime/state.h"

namespace cli::oci {

namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr OptionSpec kListOptions[] = {
    {'f', "format", OptionKind::kString, "table or json", "format", "table"},
    {'q', "quiet", OptionKind::kFlag, "Only the ids"},
};

constexpr OptionSpec kPsOptions[] = {
    {'f', "format", OptionKind::kString, "table or json", "format", "table"},
};

// A container as `state` and `list` show it.
struct Shown {
  runtime::ContainerRecord record;
  runtime::CurrentState state;
};

Result<Shown> look_at(const std::string& root, const std::string& id) {
  const runtime::StateDirectory directory = TRY(runtime::StateDirectory::open(root, id));
  auto record = TRY(directory.read_container());
  Shown shown;
  shown.state = TRY(runtime::current_state(directory, record));
  shown.record = record ? std::move(*record) : runtime::ContainerRecord();
  if (shown.record.id.empty()) {
    shown.record.id = id;
    shown.record.oci_version = runtime::kSpecVersion;
  }
  return shown;
}

pid_t pid_of(const Shown& shown) {
  const bool is_live = shown.state.init_pidfd && shown.state.status != runtime::Status::kStopped;
  return is_live ? shown.state.init.pid : 0;
}

// runtime-spec runtime.md "State", and what runc adds to it. The order of members is runc's, who leaves the
// owner empty in `state`.
OrderedJson state_json(const Shown& shown) {
  const runtime::ContainerRecord& record = shown.record;
  OrderedJson json = {{"ociVersion", record.oci_version},
                      {"id", record.id},
                      {"pid", pid_of(shown)},
                      {"status", runtime::status_name(shown.state.status)},
                      {"bundle", record.bundle},
                      {"rootfs", record.rootfs},
                      {"created", format_time(record.created_ns)}};
  if (!record.annotations.empty()) json["annotations"] = record.annotations;
  json["owner"] = record.owner;
  return json;
}

std::string json_text(const OrderedJson& json, int indent = -1) {
  return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<bool> wants_json(const Options& options) {
  const std::string format = options.string("format");
  if (format != "table" && format != "json") return invalid("invalid format option");
  return format == "json";
}

Result<int> run_state(const Call& call) {
  const Shown shown = TRY(look_at(call.globals.root, call.id()));
  print_line(json_text(state_json(shown), 2));
  return 0;
}

// Columns as wide as their longest cell, 12 at least, three blanks between them.
std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  constexpr size_t kLeast = 12;
  constexpr size_t kGap = 3;
  std::vector<size_t> widths(rows.front().size(), kLeast);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size() + kGap);
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::string cell = row[i];
      if (i + 1 < row.size()) cell.resize(widths[i], ' ');
      text += cell;
    }
    text += "\n";
  }
  return text;
}

Result<int> run_list(const Call& call) {
  const bool as_json = TRY(wants_json(call.options));
  const auto ids = TRY(runtime::container_ids(call.globals.root));
  OrderedJson array = OrderedJson::array();
  std::vector<std::vector<std::string>> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& id : ids) {
    const auto shown = look_at(call.globals.root, id);
    if (!shown && shown.error().kind() == ErrorKind::kNotFound) continue;  // deleted meanwhile
    if (!shown) {
      call.log.warning("load container " + id + ": " + shown.error().text());
      continue;
    }
    array.push_back(state_json(*shown));
    rows.push_back({id, std::to_string(pid_of(*shown)), runtime::status_name(shown->state.status),
                    printable(shown->record.bundle), format_time(shown->record.created_ns),
                    printable(shown->record.owner)});
  }
  if (call.options.flag("quiet")) {
    for (size_t i = 1; i < rows.size(); ++i)
      print_line(rows[i].front());
  } else if (as_json) {
    print_line(array.empty() ? "null" : json_text(array));  // as Go prints a list that was never filled
  } else {
    print(table_text(rows));
  }
  return 0;
}

// The lines of the host's ps(1) that are about these processes.
Result<std::string> ps_table(const std::vector<std::string>& options, const std::vector<pid_t>& pids) {
  std::vector<std::string> argv = {"ps"};
  argv.insert(argv.end(), options.begin(), options.end());
  if (options.empty()) argv.emplace_back("-ef");
  const CommandOutput output = TRY(run_command(argv));
  if (output.status.shell_code() != 0)
    return Error(ErrorKind::kSystem, "ps: " + std::string(trim(output.err)));
  const auto lines = split(output.out, '\n');
  const auto words_of = [](const std::string& line) {
    auto words = split(line, ' ');
    std::erase(words, "");
    return words;
  };
  const auto head = words_of(lines.front());
  const auto column = static_cast<size_t>(std::find(head.begin(), head.end(), "PID") - head.begin());
  if (column == head.size()) return invalid("couldn't find PID field in ps output");
  std::string text = lines.front() + "\n";
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto words = words_of(lines[i]);
    if (words.size() <= column) continue;
    const auto pid = parse_uint(words[column]);
    if (pid && std::find(pids.begin(), pids.end(), static_cast<pid_t>(*pid)) != pids.end())
      text += printable(lines[i]) + "\n";
  }
  return text;
}

Result<int> run_ps(const Call& call) {
  const bool as_json = TRY(wants_json(call.options));
  const Shown shown = TRY(look_at(call.globals.root, call.id()));
  if (shown.record.cgroup.path.empty())
    return unsupported("the container has no cgroup to list processes of");
  const auto pids = TRY(cgroups::processes(shown.record.cgroup));
  if (as_json) {
    print_line(json_text(OrderedJson(pids)));
    return 0;
  }
  const auto& words = call.arguments();
  const std::string text = TRY(ps_table({words.begin() + 1, words.end()}, pids));
  print(text);
  return 0;
}

constexpr OciCommand kCommands[] = {
    {{.names = "state",
      .usage = "ID",
      .summary = "Print the state of a container as JSON",
      .min_arguments = 1,
      .max_arguments = 1,
      .details = "The status is creating, created, running, paused or stopped: what the kernel says now, not "
                 "what was written down.",
      .examples = "vial-oci state web",
      .completes = Names::kContainers},
     run_state},
    {{.names = "list",
      .usage = "[OPTIONS]",
      .summary = "List the containers below --root",
      .options = {kListOptions},
      .max_arguments = 0,
      .examples =
          "vial-oci list\n# Those that Docker made\nvial-oci --root /run/docker/runtime-runc/moby list"},
     run_list},
    {{.names = "ps",
      .usage = "[OPTIONS] ID [PS OPTIONS]",
      .summary = "List the processes of a container",
      .options = {kPsOptions},
      .min_arguments = 1,
      .order = Order::kOptionsFirst,
      .details = "The lines of the host's ps(1) that are about processes in the container's cgroup; the "
                 "options behind the id are ps's own (-ef without any).",
      .examples = "vial-oci ps web\nvial-oci ps web -o pid,comm",
      .completes = Names::kContainers},
     run_ps},
};

}  // namespace

const std::span<const OciCommand> kOciStateCommands = kCommands;

}  // namespace cli::oci
