#include "cli/container_rows.h"

#include "base/strings.h"
#include "base/units.h"

namespace cli {

namespace {

constexpr size_t kShortId = 12;
constexpr size_t kShortCommand = 20;
constexpr size_t kShortMount = 15;

std::string ago(int64_t then_ns, int64_t now_ns) {
  return human_duration((now_ns - then_ns) / kSecondNs);
}

// "sh -c ls" in double quotes, as Go's strconv.Quote does it for plain text.
std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> words;
  for (const auto& [key, value] : labels)
    words.push_back(key + "=" + value);
  return join(words, ",");
}

std::string mounts_text(const std::vector<engine::MountPoint>& mounts, bool truncate) {
  std::vector<std::string> words;
  for (const auto& mount : mounts) {
    const std::string& name = mount.name.empty() ? mount.source : mount.name;
    if (!name.empty()) words.push_back(truncate ? shorten(name, kShortMount) : name);
  }
  return join(words, ",");
}

std::string local_volumes(const std::vector<engine::MountPoint>& mounts) {
  size_t count = 0;
  for (const auto& mount : mounts)
    count += mount.type == "volume" ? 1 : 0;
  return std::to_string(count);
}

std::string size_text(const RowDetails& details) {
  if (!details.size_bytes) return "0B";
  const std::string own = human_size(*details.size_bytes);
  return details.image_bytes == 0
             ? own
             : own + " (virtual " + human_size(details.image_bytes + *details.size_bytes) + ")";
}

// The image as typed; its id when it was named by that.
std::string image_text(const engine::ImageFacts& image, bool truncate) {
  if (!image.reference.empty()) return image.reference;
  const std::string hex = image.id.substr(image.id.find(':') + 1);
  return truncate ? hex.substr(0, kShortId) : hex;
}

}  // namespace

std::string status_text(const engine::CurrentState& state, int64_t now_ns) {
  const auto exit_text = [&](const std::string& word) {
    if (!state.last_exit) return word;
    return word + " (" + std::to_string(state.last_exit->code) + ") " +
           ago(state.last_exit->finished_ns, now_ns) + " ago";
  };
  const std::string up = "Up " + ago(state.run.started_ns, now_ns);
  switch (state.status) {
    case engine::Status::kCreated:
      return "Created";
    case engine::Status::kRunning:
      return state.monitored ? up : up + " (monitor lost)";
    case engine::Status::kPaused:
      return up + " (Paused)";
    case engine::Status::kRestarting:
      return exit_text("Restarting");
    case engine::Status::kRemoving:
      return "Removal In Progress";
    case engine::Status::kExited:
      return exit_text("Exited");
    case engine::Status::kDead:
      return "Dead";
  }
  return "";
}

std::string go_time(int64_t epoch_ns) {
  std::string text = format_time(epoch_ns / kSecondNs * kSecondNs);  // 2026-01-02T15:04:05Z
  text[10] = ' ';
  text.pop_back();
  return text + " +0000 UTC";
}

Json container_row(const engine::Container& container, const RowDetails& details) {
  const engine::ContainerRecord& record = container.record;
  const bool runs = container.state.pid != 0;
  const std::string command = join(record.args, " ");
  const auto labels = engine::labels_of(record);
  Json row;
  row["ID"] = details.truncate ? record.id.substr(0, kShortId) : record.id;
  row["Names"] = record.name;
  row["Image"] = image_text(record.image, details.truncate);
  row["Command"] = in_quotes(details.truncate ? shorten(command, kShortCommand) : command);
  row["CreatedAt"] = go_time(record.created_ns);
  row["RunningFor"] = ago(record.created_ns, details.now_ns) + " ago";
  row["Ports"] = runs ? join(record.image.exposed_ports, ", ") : "";
  row["State"] = engine::status_name(container.state.status);
  row["Status"] = status_text(container.state, details.now_ns);
  row["Size"] = size_text(details);
  row["Labels"] = labels_text(labels);
  row["Label"] = Json(labels);
  row["Mounts"] = mounts_text(record.mounts, details.truncate);
  row["LocalVolumes"] = local_volumes(record.mounts);
  row["Networks"] = record.request.network_mode.empty() ? "none" : record.request.network_mode;
  row["Platform"] = record.request.platform;
  row["HealthStatus"] = "";
  return row;
}

ListFormat container_list_format(bool with_size) {
  ListFormat how;
  how.table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
  if (with_size) how.table += "\t{{.Size}}";
  how.headers = {{"ID", "CONTAINER ID"},      {"Names", "NAMES"},
                 {"Image", "IMAGE"},          {"Command", "COMMAND"},
                 {"CreatedAt", "CREATED AT"}, {"RunningFor", "CREATED"},
                 {"Ports", "PORTS"},          {"State", "STATE"},
                 {"Status", "STATUS"},        {"Size", "SIZE"},
                 {"Labels", "LABELS"},        {"Label", "LABEL"},
                 {"Mounts", "MOUNTS"},        {"LocalVolumes", "LOCAL VOLUMES"},
                 {"Networks", "NETWORKS"},    {"Platform", "PLATFORM"},
                 {"HealthStatus", "HEALTH"}};
  how.template_only = {"Label"};
  return how;
}

}  // namespace cli
