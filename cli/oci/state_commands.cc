// state, list, ps.
#include <unistd.h>

#include "base/json.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/oci/call.h"
#include "cli/output.h"
#include "runtime/state.h"

namespace cli::oci {

namespace {

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

// runtime-spec runtime.md "State", and what runc adds to it. The order of members is runc's.
nlohmann::ordered_json state_json(const Shown& shown) {
  const runtime::ContainerRecord& record = shown.record;
  nlohmann::ordered_json json = {{"ociVersion", record.oci_version},
                                 {"id", record.id},
                                 {"pid", shown.state.init_pidfd ? shown.state.init.pid : 0},
                                 {"status", runtime::status_name(shown.state.status)},
                                 {"bundle", record.bundle},
                                 {"rootfs", record.rootfs},
                                 {"created", format_time(record.created_ns)}};
  if (!record.annotations.empty()) json["annotations"] = record.annotations;
  json["owner"] = record.owner;
  return json;
}

std::string json_text(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<int> run_state(const Call& call) {
  const Shown shown = TRY(look_at(call.globals.root, call.id()));
  print_line(json_text(state_json(shown), 2));
  return 0;
}

constexpr OciCommand kCommands[] = {
    {{.names = "state",
      .usage = "ID",
      .summary = "Print the state of a container as JSON",
      .min_arguments = 1,
      .max_arguments = 1},
     run_state},
};

}  // namespace

const std::span<const OciCommand> kOciStateCommands = kCommands;

}  // namespace cli::oci
