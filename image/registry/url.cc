#include "image/registry/url.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/strings.h"

namespace image::registry {

namespace {

constexpr size_t kMaxUrl = 16384;
constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

uint16_t default_port(std::string_view scheme) {
  return scheme == "https" ? kHttpsPort : kHttpPort;
}

Error bad_url(std::string_view text, const char* why) {
  constexpr size_t kShown = 200;
  return invalid("bad address '" + printable(text.substr(0, kShown)) + "': " + why);
}

// Host names and IPv4 addresses, or an IPv6 address in brackets.
bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    if (host.size() < 4 || !host.ends_with(']')) return false;
    const auto address = host.substr(1, host.size() - 2);
    return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  }
  return !host.empty() && std::all_of(host.begin(), host.end(),
                                      [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
}

// "host", "host:port", "[::1]:port" into `url`.
bool read_authority(std::string_view authority, Url& url) {
  url.port = default_port(url.scheme);
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  url.host = to_lower(authority.substr(0, has_port ? colon : std::string_view::npos));
  if (!is_host(url.host)) return false;
  if (!has_port) return true;
  const auto port = parse_uint(authority.substr(colon + 1));
  if (!port || *port == 0 || *port > UINT16_MAX) return false;
  url.port = static_cast<uint16_t>(*port);
  return true;
}

}  // namespace

std::string Url::authority() const {
  return port == default_port(scheme) ? host : host + ":" + std::to_string(port);
}

std::string Url::text() const {
  return scheme + "://" + authority() + target;
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrl) return bad_url(text, "too long");
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!clean) return bad_url(text, "has blanks or control characters");
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return bad_url(text, "no http or https address");
  Url url;
  url.scheme = to_lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return bad_url(text, "no http or https address");
  const std::string_view rest = text.substr(colon + 3);
  const size_t end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) return bad_url(text, "has a user name");
  if (!read_authority(authority, url)) return bad_url(text, "no valid host and port");
  std::string_view target = end == std::string_view::npos ? "" : rest.substr(end);
  target = target.substr(0, target.find('#'));
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  if (location.empty()) return bad_url(location, "empty");
  const size_t scheme = location.find(':');
  if (scheme != std::string_view::npos && location.find_first_of("/?#") > scheme) return parse_url(location);
  if (location.starts_with("//")) return parse_url(base.scheme + ":" + std::string(location));
  const std::string origin = base.scheme + "://" + base.authority();
  if (location.starts_with('/')) return parse_url(origin + std::string(location));
  const std::string path = base.target.substr(0, base.target.find('?'));
  if (location.starts_with('?')) return parse_url(origin + path + std::string(location));
  return parse_url(origin + path.substr(0, path.rfind('/') + 1) + std::string(location));
}

bool is_same_origin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

std::string escape_query(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (is_alnum(c) || std::string_view("-._~/:").find(c) != std::string_view::npos) {
      result += c;
      continue;
    }
    std::array<char, 4> escaped = {};
    std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned>(static_cast<uint8_t>(c)));
    result += escaped.data();
  }
  return result;
}

void add_query(Url& url, std::string_view name, std::string_view value) {
  url.target += url.target.find('?') == std::string::npos ? '?' : '&';
  url.target += escape_query(name) + "=" + escape_query(value);
}

std::string api_host(std::string_view domain) {
  return domain == "docker.io" ? "registry-1.docker.io" : std::string(domain);
}

Result<Url> api_base(std::string_view scheme, std::string_view host) {
  return parse_url(std::string(scheme) + "://" + std::string(host) + "/v2/");
}

std::string_view host_without_port(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

bool is_loopback(std::string_view host) {
  const std::string_view name = host_without_port(host);
  if (name == "localhost" || name == "[::1]") return true;
  const auto parts = split(name, '.');
  constexpr size_t kBytes = 4;
  constexpr uint64_t kMaxByte = 255;
  return parts.size() == kBytes && parts.front() == "127" &&
         std::all_of(parts.begin(), parts.end(),
                     [](const auto& part) { return parse_uint(part).value_or(kMaxByte + 1) <= kMaxByte; });
}

}  // namespace image::registry
