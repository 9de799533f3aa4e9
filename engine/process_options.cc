#include "engine/process_options.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace engine {

namespace {

constexpr size_t kMaxProfileBytes = 4U << 20U;
// Enough for servers, and few enough for programs that close every possible descriptor in a loop.
constexpr uint64_t kLeastOpenFiles = 1024;
constexpr uint64_t kMostOpenFiles = 65536;

bool is_ulimit_name(const std::string& name) {
  static constexpr std::array kNames = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                        "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                        "rtprio",  "rttime",   "sigpending", "stack"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Result<uint64_t> parse_limit(const std::string& text, const std::string& whole) {
  if (text == "-1" || text == "unlimited") return UINT64_MAX;
  const auto value = parse_uint(text);
  if (!value) return invalid("invalid ulimit argument: " + whole);
  return *value;
}

std::string printed(uint64_t limit) {
  return limit == UINT64_MAX ? "-1" : std::to_string(limit);
}

}  // namespace

Result<runtime::Rlimit> parse_ulimit(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return invalid("invalid ulimit argument: " + text);
  const std::string name = text.substr(0, equals);
  if (!is_ulimit_name(name)) return invalid("invalid ulimit type: " + name);
  const auto values = split(text.substr(equals + 1), ':');
  if (values.size() > 2)
    return invalid("too many limit value arguments - " + text.substr(equals + 1) +
                   ", can only have up to two, `soft[:hard]`");
  runtime::Rlimit limit;
  limit.type = "RLIMIT_" + to_upper(name);
  limit.soft = TRY(parse_limit(values[0], text));
  limit.hard = limit.soft;
  if (values.size() == 2) limit.hard = TRY(parse_limit(values[1], text));
  if (limit.soft > limit.hard) {
    return invalid("ulimit soft limit must be less than or equal to hard limit: " + printed(limit.soft) +
                   " > " + printed(limit.hard));
  }
  return limit;
}

Result<std::vector<runtime::Rlimit>> collect_rlimits(const std::vector<std::string>& ulimits,
                                                     const CallerLimits& caller) {
  std::vector<runtime::Rlimit> limits;
  for (const auto& text : ulimits) {
    const runtime::Rlimit limit = TRY(parse_ulimit(text));
    std::erase_if(limits, [&](const auto& other) { return other.type == limit.type; });
    limits.push_back(limit);
  }
  const auto add_default = [&](const char* type, uint64_t soft, uint64_t hard) {
    const bool is_given =
        std::any_of(limits.begin(), limits.end(), [&](const auto& l) { return l.type == type; });
    if (is_given) return;
    limits.push_back({.type = type, .soft = std::min(soft, hard), .hard = hard, .best_effort = true});
  };
  add_default("RLIMIT_NOFILE", std::clamp(caller.open_files_soft, kLeastOpenFiles, kMostOpenFiles),
              caller.open_files_hard);
  add_default("RLIMIT_CORE", 0, caller.core_hard);
  return limits;
}

Result<SecurityOptions> parse_security_options(const std::vector<std::string>& options) {
  SecurityOptions result;
  for (const auto& option : options) {
    size_t separator = option.find('=');
    // Docker's old form has a colon; a profile's JSON has both.
    if (separator == std::string::npos) separator = option.find(':');
    const std::string key = option.substr(0, separator);
    const std::string value = separator == std::string::npos ? "" : option.substr(separator + 1);
    if (key == "no-new-privileges") {
      if (!value.empty() && value != "true" && value != "false")
        return invalid("invalid --security-opt: \"" + option + "\"");
      result.no_new_privileges = value != "false";
    } else if (key == "seccomp") {
      if (value.empty()) return invalid("invalid --security-opt: \"" + option + "\"");
      result.seccomp_unconfined = value == "unconfined";
      result.seccomp_profile = value == "unconfined" || value == "builtin" ? "" : value;
    } else if (key == "systempaths" && value == "unconfined") {
      result.system_paths_unconfined = true;
    } else if (key == "apparmor" || key == "label") {
      result.warnings.push_back("--security-opt " + key + " has no effect: vial does not use " +
                                (key == "label" ? std::string("SELinux") : "AppArmor") + " yet");
    } else {
      return invalid("invalid --security-opt: \"" + option + "\"");
    }
  }
  return result;
}

Result<std::vector<std::string>> load_security_files(const std::vector<std::string>& options) {
  constexpr std::string_view kSeccomp = "seccomp";
  std::vector<std::string> loaded;
  for (const auto& option : options) {
    const bool is_seccomp = option.starts_with(kSeccomp) && option.size() > kSeccomp.size() &&
                            (option[kSeccomp.size()] == '=' || option[kSeccomp.size()] == ':');
    const std::string value = is_seccomp ? option.substr(kSeccomp.size() + 1) : "";
    if (value.empty() || value == "unconfined" || value == "builtin") {
      loaded.push_back(is_seccomp ? "seccomp=" + value : option);
      continue;
    }
    const auto text = read_file(value, kMaxProfileBytes);
    if (!text) return invalid("opening seccomp profile (" + value + ") failed: " + text.error().text());
    const auto profile = parse_json(*text);
    if (!profile)
      return invalid("compacting json for seccomp profile (" + value + ") failed: " + profile.error().text());
    loaded.push_back("seccomp=" + dump_json(*profile));
  }
  return loaded;
}

}  // namespace engine
