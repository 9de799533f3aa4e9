#include "image/registry/settings.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/units.h"

namespace image::registry {

namespace {

constexpr uint64_t kMaxAtATime = 16;
constexpr size_t kMaxPemFile = 4U << 20U;
constexpr const char* kSystemBundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                          "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

Result<void> expect_members(const JsonView& view, std::initializer_list<std::string_view> known) {
  const auto members = TRY(view.members());
  for (const auto& [key, value] : members) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      return value.wrong("unknown; known are " + join({known.begin(), known.end()}, ", "));
  }
  return ok();
}

Result<int64_t> positive_duration(const JsonView& view, const char* key, int64_t fallback) {
  const auto member = view.find(key);
  if (!member) return fallback;
  const std::string text = TRY(member->string());
  const int64_t value = TRY_IN(member->pointer(), parse_duration(text));
  if (value <= 0) return member->wrong("must be more than 0");
  return value;
}

Result<void> read_timeouts(const JsonView& view, Settings& settings) {
  TRY(expect_members(view, {"connect", "stall", "retry"}));
  settings.connect_timeout_ns = TRY(positive_duration(view, "connect", settings.connect_timeout_ns));
  settings.stall_timeout_ns = TRY(positive_duration(view, "stall", settings.stall_timeout_ns));
  settings.retry_delay_ns = TRY(positive_duration(view, "retry", settings.retry_delay_ns));
  return ok();
}

Result<void> read_mirrors(const JsonView& view, Settings& settings) {
  const auto members = TRY(view.members());
  for (const auto& [domain, hosts] : members) {
    auto mirrors = TRY(hosts.strings());
    for (const auto& mirror : mirrors) {
      const bool whole = contains(mirror, "://");
      TRY_IN(hosts.pointer(), parse_url(whole ? mirror : "https://" + mirror));
    }
    settings.mirrors[domain] = std::move(mirrors);
  }
  return ok();
}

Result<uint64_t> layers_at_a_time(const JsonView& view, const char* key, uint64_t fallback) {
  const auto number = TRY(view.optional_unsigned(key));
  if (number && (*number == 0 || *number > kMaxAtATime))
    return invalid("/" + std::string(key) + ": must be from 1 to " + std::to_string(kMaxAtATime));
  return number.value_or(fallback);
}

Result<Settings> read_document(const Json& document) {
  Settings settings;
  const JsonView view(document);
  TRY(expect_members(view,
                     {"insecure", "mirrors", "search", "downloads", "uploads", "timeouts", "certificates"}));
  settings.insecure = TRY(view.strings_or_empty("insecure"));
  if (const auto mirrors = view.find("mirrors")) TRY(read_mirrors(*mirrors, settings));
  settings.search = TRY(view.string_or("search", settings.search));
  TRY_IN("/search", parse_url(settings.search));
  settings.downloads = TRY(layers_at_a_time(view, "downloads", settings.downloads));
  settings.uploads = TRY(layers_at_a_time(view, "uploads", settings.uploads));
  if (const auto timeouts = view.find("timeouts")) TRY(read_timeouts(*timeouts, settings));
  if (view.has("certificates")) settings.certificate_directories = TRY(view.strings_or_empty("certificates"));
  return settings;
}

std::string system_bundle() {
  const auto chosen = process_environment("SSL_CERT_FILE");
  if (chosen) return read_file(*chosen, kMaxPemFile).value_or("");
  for (const char* path : kSystemBundles) {
    auto text = read_file(path, kMaxPemFile);
    if (text) return std::move(*text);
  }
  return "";
}

Result<void> add_directory(const std::string& directory, Certificates& result) {
  const auto names = list_directory(directory);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return ok();
  if (!names) return names.error();
  for (const auto& name : *names) {
    const std::string path = directory + "/" + name;
    if (name.ends_with(".crt")) result.authorities += "\n" + TRY(read_file(path, kMaxPemFile));
    if (!name.ends_with(".cert") || !result.client_certificate.empty()) continue;
    const std::string key_path = path.substr(0, path.size() - std::string_view(".cert").size()) + ".key";
    if (!path_exists(key_path)) return invalid(path + ": its key is missing: " + key_path);
    result.client_certificate = TRY(read_file(path, kMaxPemFile));
    result.client_key = TRY(read_file(key_path, kMaxPemFile));
  }
  return ok();
}

// One word of no_proxy: "*", "host", ".domain", "host:port".
bool is_excepted(const Url& url, std::string_view word) {
  if (word == "*") return true;
  const size_t colon = word.find(':');
  if (colon != std::string_view::npos && word.rfind(':') == colon) {
    if (word.substr(colon + 1) != std::to_string(url.port)) return false;
    word = word.substr(0, colon);
  }
  if (word.starts_with("*.")) word.remove_prefix(1);
  const std::string name = to_lower(word);
  if (name.empty()) return false;
  if (name.front() == '.') return url.host.ends_with(name) || url.host == name.substr(1);
  return url.host == name || url.host.ends_with("." + name);
}

}  // namespace

bool Settings::is_insecure(std::string_view host) const {
  return std::find(insecure.begin(), insecure.end(), host) != insecure.end();
}

Result<Settings> parse_settings(std::string_view text) {
  const Json document = TRY(parse_json(text));
  return read_document(document);
}

Result<Settings> read_settings(const std::string& path) {
  const auto chosen = path.empty() ? process_environment("VIAL_REGISTRIES") : path;
  const std::string where = chosen.value_or(kSettingsPath);
  auto text = read_file(where);
  if (!text && text.error().error_number() == ENOENT && !chosen) return Settings();
  if (!text) return std::move(text).error();
  return TRY_IN(where, parse_settings(*text));
}

Result<Certificates> read_certificates(const Settings& settings, const std::string& host) {
  Certificates result;
  result.authorities = system_bundle();
  if (host.find('/') != std::string::npos || host.starts_with('.'))
    return invalid("no host: " + printable(host));
  for (const auto& directory : settings.certificate_directories)
    TRY(add_directory(directory + "/" + host, result));
  return result;
}

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::string choose_proxy(const Url& url, const Environment& environment) {
  if (is_loopback(url.host)) return "";
  auto proxy = environment(url.scheme == "https" ? "https_proxy" : "http_proxy");
  if (!proxy && url.scheme == "https") proxy = environment("HTTPS_PROXY");
  if (!proxy) return "";
  auto exceptions = environment("no_proxy");
  if (!exceptions) exceptions = environment("NO_PROXY");
  for (const auto& word : split(exceptions.value_or(""), ',')) {
    if (is_excepted(url, trim(word))) return "";
  }
  return *proxy;
}

}  // namespace image::registry
