#include "image/config.h"

#include <algorithm>

#include "base/strings.h"
#include "base/units.h"

namespace image {

namespace {

// Objects used as sets: {"80/tcp": {}}.
Result<std::vector<std::string>> read_keys(const JsonView& view, const char* key) {
  std::vector<std::string> keys;
  const auto member = view.find(key);
  if (!member) return keys;
  const auto entries = TRY(member->members());
  for (const auto& [name, value] : entries) {
    if (name.find('\0') != std::string::npos) return member->wrong("has a NUL byte");
    keys.push_back(name);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Result<std::map<std::string, std::string>> read_labels(const JsonView& view) {
  std::map<std::string, std::string> labels;
  const auto member = view.find("Labels");
  if (!member) return labels;
  const auto entries = TRY(member->members());
  for (const auto& [name, value] : entries)
    labels[name] = TRY(value.string());
  return labels;
}

Result<std::vector<std::string>> read_env(const JsonView& view) {
  auto env = TRY(view.strings_or_empty("Env"));
  for (const auto& entry : env) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid(view.pointer() + "/Env: '" + printable(entry) + "' is not NAME=value");
  }
  return env;
}

Result<int64_t> integer_or_zero(const JsonView& view, const char* key) {
  const auto value = TRY(view.optional_integer(key));
  return value.value_or(0);
}

Result<Healthcheck> read_healthcheck(const JsonView& view) {
  Healthcheck result;
  result.test = TRY(view.strings_or_empty("Test"));
  result.interval_ns = TRY(integer_or_zero(view, "Interval"));
  result.timeout_ns = TRY(integer_or_zero(view, "Timeout"));
  result.start_period_ns = TRY(integer_or_zero(view, "StartPeriod"));
  result.start_interval_ns = TRY(integer_or_zero(view, "StartInterval"));
  result.retries = TRY(integer_or_zero(view, "Retries"));
  return result;
}

Result<HistoryEntry> read_history_entry(const JsonView& view) {
  HistoryEntry result;
  result.created = TRY(view.string_or("created", ""));
  result.created_by = TRY(view.string_or("created_by", ""));
  result.author = TRY(view.string_or("author", ""));
  result.comment = TRY(view.string_or("comment", ""));
  result.empty_layer = TRY(view.boolean_or("empty_layer", false));
  return result;
}

Result<std::vector<Digest>> read_diff_ids(const JsonView& document) {
  std::vector<Digest> result;
  const auto rootfs = document.find("rootfs");
  if (!rootfs) return result;
  const auto texts = TRY(rootfs->strings_or_empty("diff_ids"));
  if (texts.size() > kMaxLayers)
    return invalid("/rootfs/diff_ids: " + std::to_string(texts.size()) + " layers, at most " +
                   std::to_string(kMaxLayers) + " can be used");
  for (const auto& text : texts)
    result.push_back(TRY_IN("/rootfs/diff_ids", Digest::parse(text)));
  return result;
}

void write_strings(Json& object, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) object[key] = values;
}

void write_keys(Json& object, const char* key, const std::vector<std::string>& values) {
  for (const auto& value : values)
    object[key][value] = Json::object();
}

}  // namespace

Result<RunConfig> read_run_config(const JsonView& view) {
  if (!view.is_object()) return view.wrong("not an object");
  RunConfig result;
  result.env = TRY(read_env(view));
  result.cmd = TRY(view.strings_or_empty("Cmd"));
  result.entrypoint = TRY(view.strings_or_empty("Entrypoint"));
  result.user = TRY(view.string_or("User", ""));
  result.working_dir = TRY(view.string_or("WorkingDir", ""));
  result.volumes = TRY(read_keys(view, "Volumes"));
  result.exposed_ports = TRY(read_keys(view, "ExposedPorts"));
  result.labels = TRY(read_labels(view));
  result.stop_signal = TRY(view.string_or("StopSignal", ""));
  result.stop_timeout_s = TRY(view.optional_integer("StopTimeout"));
  if (const auto check = view.find("Healthcheck")) result.healthcheck = TRY(read_healthcheck(*check));
  result.shell = TRY(view.strings_or_empty("Shell"));
  result.on_build = TRY(view.strings_or_empty("OnBuild"));
  return result;
}

Json write_run_config(const RunConfig& config) {
  Json object = Json::object();
  write_strings(object, "Env", config.env);
  write_strings(object, "Cmd", config.cmd);
  write_strings(object, "Entrypoint", config.entrypoint);
  if (!config.user.empty()) object["User"] = config.user;
  if (!config.working_dir.empty()) object["WorkingDir"] = config.working_dir;
  write_keys(object, "Volumes", config.volumes);
  write_keys(object, "ExposedPorts", config.exposed_ports);
  if (!config.labels.empty()) object["Labels"] = config.labels;
  if (!config.stop_signal.empty()) object["StopSignal"] = config.stop_signal;
  if (config.stop_timeout_s) object["StopTimeout"] = *config.stop_timeout_s;
  if (const auto& check = config.healthcheck) {
    object["Healthcheck"] = {{"Test", check->test},
                             {"Interval", check->interval_ns},
                             {"Timeout", check->timeout_ns},
                             {"StartPeriod", check->start_period_ns},
                             {"StartInterval", check->start_interval_ns},
                             {"Retries", check->retries}};
  }
  write_strings(object, "Shell", config.shell);
  write_strings(object, "OnBuild", config.on_build);
  return object;
}

Result<ImageConfig> parse_config(std::string_view bytes) {
  if (bytes.size() > kMaxConfigBytes) return invalid("image configuration is larger than 4 MiB");
  const Json document = TRY_IN("image configuration", parse_json(bytes));
  const JsonView view(document);
  if (!view.is_object()) return corrupt("image configuration: not an object");
  const auto read = [&]() -> Result<ImageConfig> {
    ImageConfig result;
    result.architecture = TRY(view.string_or("architecture", ""));
    result.os = TRY(view.string_or("os", ""));
    result.variant = TRY(view.string_or("variant", ""));
    result.author = TRY(view.string_or("author", ""));
    result.created = TRY(view.string_or("created", ""));
    if (!result.created.empty()) result.created_ns = TRY_IN("/created", parse_time(result.created));
    if (const auto run = view.find("config")) result.run = TRY(read_run_config(*run));
    if (const auto history = view.find("history")) {
      const auto entries = TRY(history->elements());
      for (const auto& entry : entries)
        result.history.push_back(TRY(read_history_entry(entry)));
    }
    result.diff_ids = TRY(read_diff_ids(view));
    return result;
  };
  return TRY_IN("image configuration", read());
}

}  // namespace image
