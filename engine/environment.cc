#include "engine/environment.h"

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"

namespace engine {

namespace {

constexpr size_t kMaxEnvFile = 16U << 20U;

std::string name_of(const std::string& entry) {
  return entry.substr(0, entry.find('='));
}

bool has_value(const std::string& entry) {
  return entry.find('=') != std::string::npos;
}

bool has_name(const std::vector<std::string>& entries, const std::string& name) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return name_of(entry) == name; });
}

}  // namespace

std::optional<std::string> look_up_environment(const std::string& name) {
  const char* value = ::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
  if (value == nullptr) return std::nullopt;
  return value;
}

Result<std::string> resolve_variable(const std::string& entry, const LookUp& look_up) {
  if (name_of(entry).empty()) return invalid("invalid environment variable: " + entry);
  if (entry.find('\0') != std::string::npos) return invalid("environment variable has a NUL byte");
  if (has_value(entry)) return entry;
  const auto value = look_up(entry);
  return value ? entry + "=" + *value : entry;
}

Result<std::vector<std::string>> parse_env_file(const std::string& text, const LookUp& look_up) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view content = text;
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> entries;
  for (auto& raw : split(content, '\n')) {
    if (raw.ends_with('\r')) raw.pop_back();
    const size_t start = raw.find_first_not_of(" \t");
    if (start == std::string::npos || raw[start] == '#') continue;
    const std::string line = raw.substr(start);
    const std::string name = name_of(line);
    if (name.empty()) return invalid("no variable name on line '" + line + "'");
    if (name.find_first_of(" \t") != std::string::npos)
      return invalid("variable '" + name + "' contains whitespaces");
    const std::string entry = TRY(resolve_variable(line, look_up));
    if (has_value(entry)) entries.push_back(entry);
  }
  return entries;
}

Result<std::vector<std::string>> given_environment(const std::vector<std::string>& env_files,
                                                   const std::vector<std::string>& env) {
  std::vector<std::string> entries;
  for (const auto& path : env_files) {
    const auto text = read_file(path, kMaxEnvFile);
    if (!text) return invalid(text.error().text());
    const auto more = TRY_IN("invalid env file (" + path + ")", parse_env_file(*text, look_up_environment));
    entries.insert(entries.end(), more.begin(), more.end());
  }
  for (const auto& entry : env)
    entries.push_back(TRY(resolve_variable(entry, look_up_environment)));
  return entries;
}

std::vector<std::string> merge_environment(std::vector<std::string> base,
                                           const std::vector<std::string>& changes) {
  for (const auto& change : changes) {
    const std::string name = name_of(change);
    const auto old =
        std::find_if(base.begin(), base.end(), [&](const auto& entry) { return name_of(entry) == name; });
    if (!has_value(change)) {
      if (old != base.end()) base.erase(old);
    } else if (old != base.end()) {
      *old = change;
    } else {
      base.push_back(change);
    }
  }
  return base;
}

// The request's come first and keep their place; the image's follow where the request is silent.
std::vector<std::string> combined_environment(const std::vector<std::string>& image,
                                              const std::vector<std::string>& request) {
  std::vector<std::string> combined;
  for (const auto& entry : request) {
    if (has_value(entry)) combined.push_back(entry);
  }
  for (const auto& entry : image) {
    if (!has_name(request, name_of(entry))) combined.push_back(entry);
  }
  return combined;
}

std::vector<std::string> container_environment(const EnvironmentSources& sources) {
  std::vector<std::string> env = {std::string("PATH=") + kDefaultPath, "HOSTNAME=" + sources.hostname};
  if (sources.tty) env.emplace_back("TERM=xterm");
  env = merge_environment(std::move(env), combined_environment(sources.image, sources.request));
  if (!has_name(env, "HOME")) env.push_back("HOME=" + sources.home);
  return env;
}

}  // namespace engine
